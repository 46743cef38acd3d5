// Pure. The options about what a restore brings: see options.ts.
import { flag, globs, moment, oneOf, text } from './kinds.ts';
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
    help: "Restore what S3 held at this moment, from a bucket that keeps versions, into a directory that is empty: the last checkpoint until then or, where there is none, by the server's dates, which AWS keeps by the second",
  }),
  exactVersions: option({
    flag: 'exact-versions',
    kind: flag,
    default: false,
    commands: ['restore'],
    group: 'Restore',
    help: 'With --at: go by the dates of versions even where a checkpoint was taken before that moment',
  }),
  checkpoint: option({
    flag: 'checkpoint',
    kind: text('latest|ID'),
    default: undefined,
    defaultText: 'none',
    commands: ['restore'],
    group: 'Restore',
    help: 'Restore exactly the versions that an agent with --checkpoint-interval recorded, into a directory that is empty; awssyncer checkpoints lists them',
  }),
  listVersions: option({
    flag: 'list-versions',
    kind: text('PATH'),
    default: undefined,
    defaultText: 'off',
    commands: ['restore'],
    group: 'Restore',
    help: 'Only list the versions of this file that S3 keeps, the newest first. LOCAL is not needed',
  }),
  first: option({
    flag: 'first',
    kind: globs,
    default: undefined,
    defaultText: 'none',
    repeats: true,
    commands: ['run', 'restore'],
    group: 'Restore',
    help: 'Have the files that match in place before any other is begun. May be repeated, the most urgent first',
  }),
  object: option({
    flag: 'object',
    kind: flag,
    default: false,
    commands: ['restore'],
    group: 'Restore',
    help: "The URL is that of one object, which must be there. Without this a URL that does not end in '/' may be one, unless there is something beneath it as well",
  }),
  overwrite: option({
    flag: 'overwrite',
    kind: oneOf('never', 'newer', 'always'),
    default: undefined,
    defaultText: 'the edited version wins, without a ledger the newer one',
    commands: ['restore'],
    group: 'Restore',
    help: "What of S3's replaces a differing local file: nothing, what has a newer stored time, or everything, also files that were deleted here. The loser is kept under the state directory",
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
