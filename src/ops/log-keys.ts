// Pure. Every key that a line of the log may have besides level, time and message: what it holds, in which unit.

/** `path`: a byte string, shown as displayPath does. */
type Type = 'path' | 'string' | 'number' | 'boolean';

interface LogKey {
  readonly type: Type;
  /** Of a number. */
  readonly unit?: 'bytes' | 'ms' | 's' | '1/s' | 'bytes/s';
  /** What it says, without a full stop at the end. */
  readonly help: string;
}

/** Keys keep their meaning; the compiler refuses a line with any other. */
export const LOG_KEYS = {
  path: { type: 'path', help: 'A path in LOCAL, relative to it' },
  key: { type: 'path', help: 'A key in the bucket that is no path' },
  reason: { type: 'string', help: 'Why: of a failure, a warning or a decision' },
  hint: { type: 'string', help: 'What to do about it' },
  remedy: { type: 'string', help: 'The same of LOCAL' },
  release: { type: 'string', help: 'What lets the held deletes go' },
  stack: { type: 'string', help: 'Where an error comes from, with --log-level=debug' },
  name: { type: 'string', help: 'Which warning of Node it is' },
  bytes: { type: 'number', unit: 'bytes', help: 'Content: of one file that was sent or fetched, or of all so far' },
  sizeBytes: { type: 'number', unit: 'bytes', help: 'Size of a file that a dry run would restore' },
  downloadedBytes: { type: 'number', unit: 'bytes', help: 'Content that a restore has fetched' },
  totalBytes: { type: 'number', unit: 'bytes', help: 'All content that is to be moved' },
  bytesPerS: { type: 'number', unit: 'bytes/s', help: 'Pace of the last seconds' },
  ageMs: { type: 'number', unit: 'ms', help: 'From the first event of a change to the acknowledgement of S3' },
  ms: { type: 'number', unit: 'ms', help: 'How long it took' },
  inMs: { type: 'number', unit: 'ms', help: 'When it is tried again, or S3 is asked' },
  leftMs: { type: 'number', unit: 'ms', help: 'How long the rest takes at this pace' },
  ttlMs: { type: 'number', unit: 'ms', help: 'For how long a lease holds after its last renewal' },
  waitS: { type: 'number', unit: 's', help: 'How long is waited' },
  secondsBefore: { type: 'number', unit: 's', help: 'How long before the wanted moment a checkpoint was taken' },
  files: { type: 'number', help: 'Files that have been dealt with, or are concerned' },
  totalFiles: { type: 'number', help: 'All files that are to be dealt with' },
  filesPerS: { type: 'number', unit: '1/s', help: 'Pace of the last seconds' },
  paths: { type: 'number', help: 'How many paths are concerned' },
  objects: { type: 'number', help: 'Objects that were listed' },
  foreign: { type: 'number', help: 'Of them, those that awssyncer did not write' },
  uploaded: { type: 'number', help: 'Objects that were uploaded' },
  copied: { type: 'number', help: 'Objects that were copied within S3' },
  adopted: { type: 'number', help: 'Files that S3, or the disk, was found to hold already' },
  downloaded: { type: 'number', help: 'Paths that were restored' },
  deleted: { type: 'number', help: 'Objects that were deleted' },
  removed: { type: 'number', help: 'Files that were removed from disk' },
  unchanged: { type: 'number', help: 'Paths that were found as they should be' },
  kept: { type: 'number', help: 'Files on disk that were not overwritten' },
  failed: { type: 'number', help: 'Paths, or checks, that failed' },
  held: { type: 'number', help: 'Deletes that were held back' },
  deletes: { type: 'number', help: 'Deletes that are held or were let go' },
  requests: { type: 'number', help: 'Requests to S3' },
  pending: { type: 'number', help: 'Paths that were still dirty when time was up' },
  missing: { type: 'number', help: 'Paths that a flush did not bring to S3' },
  unsent: { type: 'number', help: 'Paths that are not in S3 as they are on disk' },
  compared: { type: 'number', help: 'Paths that were compared' },
  differences: { type: 'number', help: 'Paths that differ' },
  repaired: { type: 'number', help: 'Differences that are gone' },
  changes: { type: 'number', help: 'Changes that a checkpoint records' },
  overflows: { type: 'number', help: 'How often the kernel has dropped events' },
  warnings: { type: 'number', help: 'Checks of doctor that are to be looked at' },
  fine: { type: 'number', help: 'Checks of doctor that found nothing' },
  dryRun: { type: 'boolean', help: 'Nothing was changed' },
  stage: { type: 'string', help: 'What a long command does before it can tell how far it has come' },
  directory: { type: 'string', help: 'Which directory of awssyncer agent it is about' },
  started: { type: 'string', help: 'Directories that are new in its file, or said otherwise' },
  ended: { type: 'string', help: 'Directories that its file names no longer, or says otherwise' },
  exitCode: { type: 'number', help: 'What an agent that is alone would have exited with' },
  local: { type: 'string', help: 'LOCAL, resolved' },
  remote: { type: 'string', help: 'The S3 side, as a URL' },
  before: { type: 'string', help: 'The URL of before' },
  now: { type: 'string', help: 'The URL of now' },
  address: { type: 'string', help: 'Where HTTP is answered' },
  socket: { type: 'string', help: 'The socket of the service manager' },
  errno: { type: 'number', help: 'What the kernel said: errno(3)' },
  signal: { type: 'string', help: 'The signal that came' },
  program: { type: 'string', help: 'The program that run starts' },
  code: { type: 'number', help: 'What that program exited with' },
  openFiles: { type: 'number', help: 'How many files may be open at once' },
  concurrency: { type: 'number', help: 'How much is done at once' },
  fileSystem: { type: 'string', help: 'The kind of file system' },
  setAside: { type: 'string', help: 'Where the corrupt ledger is now' },
  winner: { type: 'string', help: 'Whose version a conflict left in place' },
  keptAs: { type: 'string', help: 'Where the other version is' },
  id: { type: 'string', help: 'A checkpoint' },
  checkpoint: { type: 'string', help: 'The checkpoint that a flush took' },
  generation: { type: 'number', help: 'The term of the lease' },
  holder: { type: 'string', help: 'Who holds the lease, where nothing is known of him' },
  host: { type: 'string', help: 'The machine of who holds it' },
  pid: { type: 'number', help: 'His process' },
  version: { type: 'string', help: 'His awssyncer' },
  since: { type: 'string', help: 'When he took it, ISO 8601' },
} as const satisfies Readonly<Record<string, LogKey>>;

export type LogKeyName = keyof typeof LOG_KEYS;

type Value<T extends Type> = T extends 'number' ? number | bigint : T extends 'boolean' ? boolean : string;

/** What a line says besides its message. */
export type LogFields = {
  readonly [K in LogKeyName]?: Value<(typeof LOG_KEYS)[K]['type']> | undefined;
};

/** The keys whose values are byte strings. */
export const PATH_KEYS: ReadonlySet<string> = new Set(
  Object.entries(LOG_KEYS).flatMap(([name, { type }]) => (type === 'path' ? [name] : [])),
);
