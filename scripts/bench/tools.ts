// Pure. The same work in the words of every tool, each with the settings it is fastest with on the bench server.

/** The tools, and two programs they are compared with. */
export type ToolName = 'awssyncer' | 's5cmd' | 'rclone' | 'aws' | 's3cmd' | 'mc' | 'lsyncd' | 'find' | 'node';

/** A local directory and a bucket. */
export interface Sides {
  readonly local: string;
  readonly bucket: string;
  /** A directory of the run's own, for what a tool wants to remember. */
  readonly scratch: string;
}

/** The arguments of one tool for each kind of work it can do. */
export interface Tool {
  readonly name: ToolName;
  /** Whether it needs so long for many files that one run must do. */
  readonly isSlow: boolean;
  /** What makes it say its version. */
  readonly version: readonly string[];
  /** Uploads all files to an empty bucket. */
  upload(sides: Sides): readonly string[];
  /** Downloads all objects into an empty directory. */
  download(sides: Sides): readonly string[];
  /** Uploads what differs from the bucket by sizes, times and what it remembers; content is not read. */
  sync(sides: Sides): readonly string[];
  /** The same, by content: what it remembers does not count. Absent if it cannot. */
  compare?(sides: Sides): readonly string[];
}

export const OURS: Tool = {
  name: 'awssyncer',
  isSlow: false,
  version: ['--version'],
  upload: (sides) => ['sync', sides.local, s3Url(sides), ...oursAlways(sides)],
  download: (sides) => ['restore', s3Url(sides), sides.local, '--state-dir', sides.scratch, '--quiet'],
  sync: (sides) => ['sync', sides.local, s3Url(sides), ...oursAlways(sides)],
  compare: (sides) => ['sync', sides.local, s3Url(sides), '--state-dir', 'none', '--lease=off', '--quiet'],
};

const S5CMD: Tool = {
  name: 's5cmd',
  isSlow: false,
  version: ['version'],
  upload: (sides) => ['--log', 'error', 'cp', `${sides.local}/`, s3Url(sides)],
  download: (sides) => ['--log', 'error', 'cp', `${s3Url(sides)}*`, `${sides.local}/`],
  sync: (sides) => ['--log', 'error', 'sync', '--size-only', `${sides.local}/`, s3Url(sides)],
};

const RCLONE_ALWAYS = [
  ...['--transfers', '32', '--checkers', '32', '--fast-list', '--s3-no-check-bucket'],
  // For files of more than 200 MB, which are sent in parts.
  ...['--s3-upload-concurrency', '8', '--s3-chunk-size', '16M', '--multi-thread-streams', '8'],
];

const RCLONE: Tool = {
  name: 'rclone',
  isSlow: false,
  version: ['version'],
  upload: (sides) => ['copy', sides.local, `bench:${sides.bucket}`, ...RCLONE_ALWAYS, '--s3-no-head'],
  download: (sides) => ['copy', `bench:${sides.bucket}`, sides.local, ...RCLONE_ALWAYS, '--s3-no-head-object'],
  sync: (sides) => ['sync', '--size-only', sides.local, `bench:${sides.bucket}`, ...RCLONE_ALWAYS],
  compare: (sides) => ['sync', '--checksum', sides.local, `bench:${sides.bucket}`, ...RCLONE_ALWAYS],
};

const AWS: Tool = {
  name: 'aws',
  isSlow: true,
  version: ['--version'],
  upload: (sides) => ['s3', 'cp', '--recursive', '--only-show-errors', sides.local, s3Url(sides)],
  download: (sides) => ['s3', 'cp', '--recursive', '--only-show-errors', s3Url(sides), sides.local],
  sync: (sides) => ['s3', 'sync', '--size-only', '--only-show-errors', sides.local, s3Url(sides)],
};

const S3CMD: Tool = {
  name: 's3cmd',
  isSlow: true,
  version: ['--version'],
  upload: (sides) => ['put', '--recursive', '--quiet', `${sides.local}/`, s3Url(sides)],
  download: (sides) => ['get', '--recursive', '--quiet', s3Url(sides), `${sides.local}/`],
  sync: (sides) => ['sync', '--no-check-md5', '--quiet', `${sides.local}/`, s3Url(sides)],
  compare: (sides) => ['sync', '--quiet', `${sides.local}/`, s3Url(sides)],
};

const MC: Tool = {
  name: 'mc',
  isSlow: false,
  version: ['--version'],
  upload: (sides) => ['mirror', '--quiet', sides.local, `bench/${sides.bucket}`],
  download: (sides) => ['mirror', '--quiet', `bench/${sides.bucket}`, sides.local],
  sync: (sides) => ['mirror', '--quiet', sides.local, `bench/${sides.bucket}`],
};

/** Whom a user would pick instead. */
export const PEERS: readonly Tool[] = [S5CMD, RCLONE, AWS, S3CMD, MC];

function s3Url({ bucket }: Sides): string {
  return `s3://${bucket}/`;
}

function oursAlways({ scratch }: Sides): readonly string[] {
  return ['--state-dir', scratch, '--lease=off', '--quiet'];
}

/** What the settings files of the tools hold, by their names in the home directory. */
export function settingsFiles(endpoint: string): Readonly<Record<string, string>> {
  const { host } = new URL(endpoint);
  return {
    '.aws/config': '[default]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = 20\n',
    '.s3cfg': [
      '[default]',
      'access_key = bench',
      'secret_key = bench',
      `host_base = ${host}`,
      `host_bucket = ${host}`,
      'bucket_location = us-east-1',
      'use_https = False',
      '',
    ].join('\n'),
    '.config/rclone/rclone.conf': [
      '[bench]',
      'type = s3',
      'provider = Other',
      `endpoint = ${endpoint}`,
      'region = us-east-1',
      'access_key_id = bench',
      'secret_access_key = bench',
      '',
    ].join('\n'),
  };
}

/** The whole environment of every tool but for PATH. */
export function environment(endpoint: string, home: string): Readonly<Record<string, string>> {
  return {
    HOME: home,
    LANG: 'C.UTF-8',
    AWS_ENDPOINT_URL: endpoint,
    // s5cmd's own name for it.
    S3_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_EC2_METADATA_DISABLED: 'true',
    MC_HOST_bench: endpoint.replace('://', '://bench:bench@'),
  };
}
