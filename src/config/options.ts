// Pure. The one option table: flags, environment names, help, the table of REFERENCE.md and the typed config derive from it.
import { deleteGuard, duration, flag, glob, type Kind, listenAddressOrOff, oneOf, path, pathOrNone } from './kinds.ts';
import { OBJECT_OPTIONS } from './object-options.ts';
import {
  AGENTS,
  CHECK_COMMANDS,
  COMMANDS,
  CONTROL_COMMANDS,
  type Command,
  FLEET_COMMANDS,
  LOCAL_COMMANDS,
  LONG_COMMANDS,
  ONE_SHOT,
  type Option,
  option,
  REMOTE_COMMANDS,
  WORK_COMMANDS,
  WRITERS,
} from './option.ts';
import { RESTORE_OPTIONS } from './restore-options.ts';
import { S3_OPTIONS } from './s3-options.ts';
import { SCOPE_OPTIONS } from './scope-options.ts';
import { SNAPSHOT_HOOK_OPTION, SNAPSHOT_OPTIONS } from './snapshot-options.ts';

/** Every option but --include and --exclude; the key is the name in the config, units included. */
export const OPTIONS = {
  config: option({
    flag: 'config',
    kind: path,
    default: undefined,
    defaultText: 'none; needed',
    commands: FLEET_COMMANDS,
    group: 'What is synchronised',
    help: 'The file, YAML or JSON, that names the directories, where each goes and with which options. SIGHUP has it read again',
  }),
  check: option({
    flag: 'check',
    kind: flag,
    default: false,
    commands: FLEET_COMMANDS,
    group: 'What is synchronised',
    help: 'Only read the file and say what is wrong with it',
  }),
  ...SCOPE_OPTIONS,
  ...SNAPSHOT_OPTIONS,
  ...RESTORE_OPTIONS,
  ...S3_OPTIONS,
  ...OBJECT_OPTIONS,
  coalesceMs: option({
    flag: 'coalesce',
    kind: duration(),
    default: 50,
    commands: AGENTS,
    group: 'Timing',
    help: 'How long after a finished write (close, rename, delete) the path is due',
  }),
  settleMs: option({
    flag: 'settle',
    kind: duration(),
    default: 1_000,
    commands: AGENTS,
    group: 'Timing',
    help: 'How long a file that is still open for writing must be quiet before it is due',
  }),
  maxWaitMs: option({
    flag: 'max-wait',
    kind: duration({ minMs: 1 }),
    default: 30_000,
    commands: AGENTS,
    group: 'Timing',
    help: 'A file that never rests is stored at least this often; also the longest pause between two uploads of a hot file',
  }),
  auditIntervalMs: option({
    flag: 'audit-interval',
    kind: duration({ minMs: 1_000, off: true }),
    default: 6 * 3_600_000,
    commands: AGENTS,
    group: 'Timing',
    help: 'How often the whole tree is compared with what S3 is known to hold (local work only), give or take a quarter',
  }),
  checkpointIntervalMs: option({
    flag: 'checkpoint-interval',
    kind: duration({ minMs: 1_000, off: true }),
    default: 0,
    commands: AGENTS,
    group: 'Timing',
    help: 'In a bucket that keeps versions: how often to record which of them make up the tree, for restore --checkpoint and --at. Only while S3 holds exactly what is on disk, and after a flush',
  }),
  pollIntervalMs: option({
    flag: 'poll-interval',
    kind: duration({ minMs: 1_000 }),
    default: 60_000,
    commands: AGENTS,
    group: 'Timing',
    help: 'How often directories that inotify cannot watch are scanned',
  }),
  delete: option({
    flag: 'delete',
    kind: flag,
    default: false,
    commands: ['sync', 'verify', 'restore'],
    group: 'Deletes',
    help: 'sync, verify --repair: delete what is selected in S3 and absent on disk, also objects that awssyncer did not write. restore: remove what is selected on disk and absent in S3, and keep it under the state directory',
  }),
  deleteForeign: option({
    flag: 'delete-foreign',
    kind: flag,
    default: false,
    commands: AGENTS,
    group: 'Deletes',
    help: 'Also delete objects that awssyncer neither wrote nor restored; otherwise they are only reported',
  }),
  maxDelete: option({
    flag: 'max-delete',
    kind: deleteGuard,
    default: { count: 1_000, percent: 50 },
    commands: WORK_COMMANDS,
    group: 'Deletes',
    help: 'Hold deletes that nobody was seen doing when one scan finds more than N of them and more than P% of all paths',
  }),
  lease: option({
    flag: 'lease',
    kind: oneOf('auto', 'active', 'lazy', 'off'),
    default: 'auto',
    commands: WRITERS,
    group: 'State and process',
    help: 'How to make sure that no other agent writes beneath the prefix: active renews a lease in S3 all the time, lazy while there is something to write. auto is active for run and watch, lazy for sync and verify --repair, and goes on without where the server cannot do it',
  }),
  leaseTtlMs: option({
    flag: 'lease-ttl',
    kind: duration({ minMs: 500 }),
    default: 30_000,
    commands: WRITERS,
    group: 'State and process',
    help: 'For this long after its last renewal nobody else takes the lease; a holder stops writing a third earlier. With a lease no request waits longer than a third of it for progress',
  }),
  leaseSteal: option({
    flag: 'lease-steal',
    kind: flag,
    default: false,
    commands: WRITERS,
    group: 'State and process',
    help: 'Take the lease at once from a holder that is known to be dead. One that is alive notices only when it renews',
  }),
  stateDir: option({
    flag: 'state-dir',
    kind: pathOrNone,
    default: undefined,
    defaultText: 'see "State" below',
    commands: [...LOCAL_COMMANDS, ...CONTROL_COMMANDS],
    group: 'State and process',
    help: 'Where to remember what S3 holds; must be outside LOCAL. With none nothing is remembered',
  }),
  readyFile: option({
    flag: 'ready-file',
    kind: path,
    default: undefined,
    defaultText: 'none',
    commands: ['run', 'restore'],
    group: 'State and process',
    help: 'Create this file when the restore is complete; removed at start; never uploaded',
  }),
  shutdownTimeoutMs: option({
    flag: 'shutdown-timeout',
    kind: duration(),
    default: 25_000,
    commands: AGENTS,
    group: 'State and process',
    help: 'How long after SIGTERM or SIGINT uploads may go on; keep it below the grace period of the container',
  }),
  lingerMs: option({
    flag: 'linger',
    kind: duration(),
    default: 0,
    commands: AGENTS,
    group: 'State and process',
    help: 'Go on watching this long after SIGTERM, for a sidecar that is stopped at the same moment as its application',
  }),
  commandGraceMs: option({
    flag: 'command-grace',
    kind: duration(),
    default: 15_000,
    defaultText: '--shutdown-timeout less 10s, at least half',
    commands: ['run'],
    group: 'State and process',
    help: 'How long COMMAND gets to end after a signal before it is killed',
  }),
  http: option({
    flag: 'http',
    kind: listenAddressOrOff,
    default: undefined,
    defaultText: '127.0.0.1:9480, if it is free',
    commands: LONG_COMMANDS,
    group: 'State and process',
    help: 'Answer /metrics, /status, the status page at / and the probes /startupz, /readyz and /livez over HTTP at this address; a port alone is one of 127.0.0.1',
  }),
  httpControl: option({
    flag: 'http-control',
    kind: path,
    default: undefined,
    defaultText: 'none',
    commands: LONG_COMMANDS,
    group: 'State and process',
    help: 'A file with a token: who sends it (Authorization: Bearer TOKEN) may POST /flush and /sync to --http',
  }),
  timeoutMs: option({
    flag: 'timeout',
    kind: duration(),
    default: 60_000,
    commands: ['flush'],
    group: 'State and process',
    help: 'How long to wait for S3 to hold everything',
  }),
  iamPolicy: option({
    flag: 'iam-policy',
    kind: flag,
    default: false,
    commands: CHECK_COMMANDS,
    group: 'Output',
    help: 'Only print the least that an IAM policy must allow for this bucket, this prefix and these options, as JSON. Asks nothing; LOCAL is not needed',
  }),
  watch: option({
    flag: 'watch',
    kind: flag,
    default: false,
    commands: ['status'],
    group: 'Output',
    help: 'Show it live until q or Ctrl-C. Not on a terminal: a line for each change, with --json one object a second',
  }),
  json: option({
    flag: 'json',
    kind: flag,
    default: false,
    commands: [...ONE_SHOT, ...REMOTE_COMMANDS, ...CHECK_COMMANDS, ...CONTROL_COMMANDS],
    group: 'Output',
    help: 'Print the result as one JSON object on standard output',
  }),
  logFormat: option({
    flag: 'log-format',
    kind: oneOf('human', 'json'),
    default: 'human',
    commands: COMMANDS,
    group: 'Output',
    help: 'Log lines for people or one JSON object a line; both go to standard error',
  }),
  logLevel: option({
    flag: 'log-level',
    kind: oneOf('error', 'warn', 'info', 'debug'),
    default: 'info',
    shorthands: { verbose: 'debug', quiet: 'warn' },
    commands: COMMANDS,
    group: 'Output',
    help: 'How much is logged; --verbose is short for debug, --quiet for warn',
  }),
} as const;

/** The two repeatable options, apart from the table because their order among each other counts. */
export const GLOB_OPTIONS = [
  {
    flag: 'include',
    kind: glob,
    commands: LOCAL_COMMANDS,
    help: 'Synchronise what matches, though an earlier --exclude leaves it out. May be repeated; the last match wins',
  },
  {
    flag: 'exclude',
    kind: glob,
    commands: LOCAL_COMMANDS,
    help: 'Leave out what matches, and everything beneath it; what is left out is never deleted either. May be repeated; the last match wins',
  },
] as const;

/** The repeatable options. */
export const REPEATABLE_OPTIONS = [...GLOB_OPTIONS, SNAPSHOT_HOOK_OPTION] as const;

type Options = typeof OPTIONS;
type Value<O> = O extends { kind: Kind<infer T>; default: infer D } ? T | Extract<D, undefined> : never;

/** A name in the config. */
export type OptionKey = keyof Options;

/** The values of every option that command `C` knows. */
export type OptionValues<C extends Command> = {
  readonly [K in OptionKey as C extends Options[K]['commands'][number] ? K : never]: Value<Options[K]>;
};

/** A row whose value's type does not matter. */
export type OptionRow = Option<unknown, unknown, Command>;

/** The rows with their config names. */
export const OPTION_ROWS = Object.entries(OPTIONS) as readonly (readonly [OptionKey, OptionRow])[];

/** The environment variable of a flag: AWSSYNCER_MAX_WAIT for max-wait. */
export function environmentName(flag: string): string {
  return `AWSSYNCER_${flag.toUpperCase().replaceAll('-', '_')}`;
}
