// What an end-to-end test plays on: a server with a bucket, a directory, and the CLI between them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BucketView } from '../strict-s3/inspect.ts';
import { type StrictS3, type StrictS3Options, startStrictS3 } from '../strict-s3/server.ts';
import { type Cli, type Finished, runCli, type StartOptions, start } from './cli.ts';
import { awsEnvironment, type S3Target } from './s3-targets.ts';
import { tempDir } from './temp-dir.ts';

export interface Stage {
  /** Everything of this test lies beneath it. */
  readonly dir: string;
  /** LOCAL: an empty directory. */
  readonly local: string;
  /** Where the ledger is. */
  readonly state: string;
  /** The S3 side, with a prefix. */
  readonly url: string;
  /** What the CLI is given: the way to the server, a home of its own, a place for its state. */
  readonly env: Readonly<Record<string, string>>;
  start(args: readonly string[], options?: Partial<StartOptions>): Cli;
  run(args: readonly string[], options?: Partial<StartOptions>): Promise<Finished>;
  /** Writes a file of LOCAL and the directories above it; its content is its name by default. */
  write(path: string, content?: string | Buffer): void;
  /** A path in LOCAL. */
  at(path: string): string;
}

/** A stage on the strict server, with a view of its bucket. */
export interface StrictStage extends Stage {
  readonly server: StrictS3;
  readonly bucket: BucketView;
  /** The keys beneath the prefix, without it and without the agent's own. */
  keys(): string[];
  /** Requests so far, but for those of the lease, as 'operation key'. */
  requests(): string[];
  /** The content beneath the prefix. */
  text(path: string): string | undefined;
}

export const BUCKET = 'test-bucket';
export const PREFIX = 'p/';

/** A stage on this server; `bucket` exists there. */
export function stageOn(
  t: TestContext,
  target: Pick<S3Target, 'endpoint' | 'region' | 'credentials'>,
  bucket: string,
): Stage {
  // What directories get by default must be what a restore gives them: then none needs a marker.
  process.umask(0o022);
  const dir = tempDir(t);
  const [local, state, home] = [join(dir, 'data'), join(dir, 'state'), join(dir, 'home')];
  for (const directory of [local, home]) mkdirSync(directory);
  const env = {
    ...cleanEnvironment(home),
    ...awsEnvironment(target as S3Target),
    AWSSYNCER_STATE_DIR: state,
    AWSSYNCER_HTTP: 'off',
  };
  const at = (path: string) => join(local, path);
  return {
    ...{ dir, local, state, env, at, url: `s3://${bucket}/${PREFIX}` },
    start: (args, options) => start(t, args, { env, ...options }),
    run: (args, options) => runCli(t, args, { env, ...options }),
    write(path, content = path) {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), content);
    },
  };
}

/** A stage on a strict server of its own. */
export async function strictStage(t: TestContext, options: StrictS3Options = {}): Promise<StrictStage> {
  const server = await startStrictS3({ buckets: [BUCKET], ...options });
  t.after(() => server.close());
  const bucket = server.bucket(BUCKET);
  return {
    ...stageOn(t, server, BUCKET),
    ...{ server, bucket },
    keys: () => {
      const keys = bucket.keys(PREFIX).map((key) => key.slice(PREFIX.length));
      return keys.filter((key) => !key.startsWith('.awssyncer/'));
    },
    requests: () =>
      server.requests
        .filter(({ key }) => !key.startsWith(`${PREFIX}.awssyncer/`))
        .map(({ operation, key }) => `${operation} ${key}`.trim()),
    text: (path) => bucket.text(PREFIX + path),
  };
}

/** Nothing of ours but the way to programs; no machine to ask for credentials. */
export function cleanEnvironment(home: string): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, AWS_EC2_METADATA_DISABLED: 'true' };
}
