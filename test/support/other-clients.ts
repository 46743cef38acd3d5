// Other S3 clients, those that are installed.
import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { awsEnvironment, type S3Target } from './s3-targets.ts';

/** One remote directory, as another client sees it. */
export interface RemoteDirectory {
  readonly target: S3Target;
  readonly bucket: string;
  /** Without a final '/'. */
  readonly prefix: string;
  /** A directory for the client's own files. */
  readonly home: string;
}

export interface OtherClient {
  readonly name: string;
  /** Whether a download sets the times of files to those in the objects' metadata. */
  readonly restoresTimes: boolean;
  /** How exactly an upload stores the times of files, in ms; undefined: it does not. */
  readonly storesTimesByMs: number | undefined;
  /** Whether an upload can store the modes and owners of files, and then their times to the nanosecond. */
  readonly carriesModes: boolean;
  readonly storesTimesByNs: boolean;
  /** Whether a download can bring back the modes and owners that awssyncer stored. */
  readonly restoresModes: boolean;
  /** Copies a local directory to S3. */
  upload(from: string, remote: RemoteDirectory, options?: TransferOptions): Promise<void>;
  /** Copies what S3 holds into a local directory. */
  download(remote: RemoteDirectory, to: string, options?: TransferOptions): Promise<void>;
}

export interface TransferOptions {
  /** With all that can be said of files. Default: false. */
  readonly withModes?: boolean;
}

const AWS: OtherClient = {
  name: 'aws',
  restoresTimes: false,
  storesTimesByMs: undefined,
  ...{ carriesModes: false, storesTimesByNs: false, restoresModes: false },
  upload: (from, remote) => awsS3(remote, ['cp', '--recursive', from, `s3://${remote.bucket}/${remote.prefix}`]),
  download: (remote, to) => awsS3(remote, ['cp', '--recursive', `s3://${remote.bucket}/${remote.prefix}`, to]),
};

const RCLONE: OtherClient = {
  name: 'rclone',
  restoresTimes: true,
  storesTimesByMs: 1,
  ...{ carriesModes: true, storesTimesByNs: true, restoresModes: true },
  upload: (from, remote, options) => rclone(remote, [from, `test:${remote.bucket}/${remote.prefix}`], options),
  download: (remote, to, options) => rclone(remote, [`test:${remote.bucket}/${remote.prefix}`, to], options),
};

const S3CMD: OtherClient = {
  name: 's3cmd',
  restoresTimes: false,
  storesTimesByMs: 1_000,
  // Of others it reads nothing, and what it reads of its own it gives to files of its own user.
  ...{ carriesModes: true, storesTimesByNs: false, restoresModes: false },
  upload: (from, remote) => s3cmd(remote, 'put', `${from}/`, `s3://${remote.bucket}/${remote.prefix}/`),
  download: (remote, to) => s3cmd(remote, 'get', `s3://${remote.bucket}/${remote.prefix}/`, `${to}/`),
};

/** The clients that are installed; says in one line, by name, which are not. */
export function installedClients(): readonly OtherClient[] {
  return [AWS, RCLONE, S3CMD].filter(({ name }) => {
    const installed = isInstalled(name);
    if (!installed) console.log(`${name}: not installed`);
    return installed;
  });
}

/** Whether a program of this name is on the way to programs. */
export function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function run(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  await promisify(execFile)(program, args, { env: { ...Object.fromEntries(ours), ...env }, timeout: 60_000 });
}

/** Runs `aws s3` with the settings of `home`'s file `aws`, if there is one. */
export function awsS3({ target, home }: RemoteDirectory, args: readonly string[]): Promise<void> {
  const env = {
    ...awsEnvironment(target),
    ...{ AWS_CONFIG_FILE: join(home, 'aws'), AWS_SHARED_CREDENTIALS_FILE: join(home, 'none') },
    ...{ AWS_EC2_METADATA_DISABLED: 'true', AWS_REQUEST_CHECKSUM_CALCULATION: 'when_required' },
  };
  return run('aws', ['--endpoint-url', target.endpoint, 's3', ...args, '--only-show-errors'], env);
}

function rclone(
  { target, home }: RemoteDirectory,
  fromTo: readonly [string, string],
  { withModes = false }: TransferOptions = {},
): Promise<void> {
  const { endpoint, region, credentials } = target;
  const remote = {
    ...{ TYPE: 's3', PROVIDER: 'Other', ENDPOINT: endpoint, REGION: region },
    ...{ ACCESS_KEY_ID: credentials.accessKeyId, SECRET_ACCESS_KEY: credentials.secretAccessKey },
  };
  const env = Object.fromEntries(Object.entries(remote).map(([name, value]) => [`RCLONE_CONFIG_TEST_${name}`, value]));
  const flags = withModes ? ['--metadata', '--links'] : [];
  return run('rclone', ['--config', join(home, 'rclone.conf'), '--quiet', ...flags, 'copy', ...fromTo], env);
}

function s3cmd({ target, home }: RemoteDirectory, action: 'put' | 'get', from: string, to: string): Promise<void> {
  const { host } = new URL(target.endpoint);
  const { accessKeyId, secretAccessKey } = target.credentials;
  const config = join(home, 's3cfg');
  mkdirSync(home, { recursive: true });
  writeFileSync(
    config,
    `[default]\naccess_key = ${accessKeyId}\nsecret_key = ${secretAccessKey}\nhost_base = ${host}\nhost_bucket = ${host}\n` +
      `bucket_location = ${target.region}\nuse_https = False\n`,
  );
  return run('s3cmd', ['--config', config, '--no-progress', '--quiet', '--recursive', action, from, to], {});
}
