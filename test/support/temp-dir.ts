// A directory of a test's own, gone when the test ends.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A file system that cannot clone files, wherever the tests run. */
export const UNCLONABLE = '/dev/shm';

export function tempDir(t: TestContext, { under = tmpdir() } = {}): string {
  const path = realpathSync(mkdtempSync(join(under, 'awssyncer-test-')));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
