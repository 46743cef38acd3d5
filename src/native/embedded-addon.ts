// The addon of the single-file executable lies in it; the dynamic loader takes files only, so that it is a file for as
// long as that takes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getRawAsset, isSea } from 'node:sea';

const NAME = 'awssyncer.node';

/** Where a file may be for a moment. Any of them may be missing, full, for reading only or not for programs (noexec). */
const PLACES = () => [...new Set([tmpdir(), '/tmp', '/dev/shm', '/var/tmp'])];

export const isEmbedded: () => boolean = isSea;

/**
 * Has it loaded from a file that nobody else can change, in a directory of its own, and takes that away.
 * @throws {AggregateError} with what failed in which place
 */
export function loadEmbedded<T>(load: (path: string) => T): T {
  const failures: unknown[] = [];
  for (const place of PLACES()) {
    let directory: string | undefined;
    try {
      directory = mkdtempSync(join(place, 'awssyncer-'));
      const path = join(directory, NAME);
      writeFileSync(path, new Uint8Array(getRawAsset(NAME)), { mode: 0o600, flag: 'wx' });
      return load(path);
    } catch (error) {
      failures.push(error);
    } finally {
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    }
  }
  throw new AggregateError(failures, failures.map((error) => (error as Error).message).join('; '));
}
