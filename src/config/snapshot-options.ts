// Pure. The options about files that are stored as a command makes them: see options.ts.
import type { SnapshotHook } from '../filter/path-filter.ts';
import { duration, type Kind } from './kinds.ts';
import { option, WRITERS } from './option.ts';

/** GLOB=COMMAND: the glob ends at the first '='. */
const snapshotHook: Kind<SnapshotHook> = {
  placeholder: 'GLOB=COMMAND',
  rule: `a glob, '=' and a command such as '*.db=sqlite3 "$AWSSYNCER_SOURCE" ".backup $AWSSYNCER_SNAPSHOT"', in UTF-8`,
  parse(text) {
    const [, glob, command] = /^([^=]+)=(.*[^\s].*)$/s.exec(text) ?? [];
    return glob === undefined || /[\0\ufffd]/.test(text) ? undefined : { glob, command: command! };
  },
  show: ({ glob, command }) => `${glob}=${command}`,
};

/** Repeatable. */
export const SNAPSHOT_HOOK_OPTION = {
  flag: 'snapshot-hook',
  kind: snapshotHook,
  commands: WRITERS,
  help: 'Store of each file that matches what COMMAND, run by /bin/sh, writes to the file $AWSSYNCER_SNAPSHOT of the file $AWSSYNCER_SOURCE; its -wal, -shm and -journal are not stored. May be repeated; the last match wins. A variable holds one a line',
} as const;

/** Rows of the table. */
export const SNAPSHOT_OPTIONS = {
  snapshotTimeoutMs: option({
    flag: 'snapshot-timeout',
    kind: duration({ minMs: 1 }),
    default: 10 * 60_000,
    commands: WRITERS,
    group: 'What is synchronised',
    help: 'A COMMAND of --snapshot-hook that has not ended after this long is killed, with all it started, and has failed',
  }),
} as const;
