// Pure. The options about what a restore brings: see options.ts.
import { flag, moment } from './kinds.ts';
import { option } from './option.ts';

/** Rows of the table. */
export const RESTORE_OPTIONS = {
  at: option({
    flag: 'at',
    kind: moment,
    default: undefined,
    defaultText: 'now',
    commands: ['restore'],
    group: 'Restore',
    help: "Restore what S3 held at this moment, from a bucket that keeps versions, into a directory that is empty. By the server's dates, which AWS keeps by the second",
  }),
  sparse: option({
    flag: 'sparse',
    kind: flag,
    default: false,
    commands: ['run', 'restore'],
    group: 'Restore',
    help: 'Restore files of 16 MiB and more with holes where they hold nothing but zeros, also where room was set aside by zeros',
  }),
} as const;
