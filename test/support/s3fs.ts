// A prefix as s3fs mounts it, where s3fs is installed and this user may mount.
import { execFile, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { isInstalled, type RemoteDirectory } from './other-clients.ts';
import { until } from './until.ts';

export interface S3fs {
  /** The mount point. */
  readonly at: string;
  /** Takes it off; resolves when everything written has been sent. */
  unmount(): Promise<void>;
}

/** Why there can be no mount here; undefined: there can. */
export function whyNoS3fs(): string | undefined {
  if (!isInstalled('s3fs')) return 's3fs: not installed';
  if (process.geteuid!() !== 0) return 's3fs: this user may not mount';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 's3fs: there is no /dev/fuse';
  }
  return undefined;
}

/** Mounts it; taken off when the test ends, if it is still there. */
export async function mountS3fs(t: TestContext, { target, bucket, prefix, home }: RemoteDirectory): Promise<S3fs> {
  // In no directory of the test: who removes that would go into the mount, and wait for the S3 server of this process.
  const at = mkdtempSync(join(tmpdir(), 'awssyncer-s3fs-'));
  const { accessKeyId, secretAccessKey } = target.credentials;
  const passwords = join(home, 'passwd-s3fs');
  writeFileSync(passwords, `${accessKeyId}:${secretAccessKey}\n`, { mode: 0o600 });
  const options = [`url=${target.endpoint}`, 'use_path_request_style', `passwd_file=${passwords}`];
  const where = [`${bucket}:/${prefix}`, at, '-f', '-o', [...options, `endpoint=${target.region}`].join()];
  const server = spawn('s3fs', where, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => void server.once('exit', () => resolve()));
  // Whoever waits for the mount here would keep the S3 server of this process from answering it.
  const isMounted = (): boolean => readFileSync('/proc/self/mounts', 'utf8').includes(` ${at} `);
  const unmount = async (): Promise<void> => {
    if (isMounted()) await promisify(execFile)('umount', [at], { timeout: 30_000 });
    await ended;
  };
  t.after(async () => {
    server.kill('SIGKILL');
    await ended;
    if (isMounted()) await promisify(execFile)('umount', ['--lazy', at]);
    rmdirSync(at);
  });
  await until('s3fs has mounted it', () => server.exitCode !== null || isMounted());
  if (server.exitCode !== null) throw new Error(`s3fs ended with ${server.exitCode}`);
  return { at, unmount };
}
