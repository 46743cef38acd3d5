// promtool of Prometheus, where it is installed.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isInstalled } from './other-clients.ts';
import { tempDir } from './temp-dir.ts';

/** The rules as they are shipped. */
export const RULES = fileURLToPath(new URL('../../docker/prometheus/awssyncer.rules.yml', import.meta.url));

/** Whether it can be run; says in one line if not. */
export function hasPromtool(): boolean {
  const installed = isInstalled('promtool');
  if (!installed) console.log('promtool: not installed (Debian: apt-get install --no-install-recommends prometheus)');
  return installed;
}

/** Runs it; its output and whether it was content. */
export function promtool(args: readonly string[], input = ''): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input, encoding: 'utf8', timeout: 60_000 });
  if (error !== undefined) throw error;
  return { ok: status === 0, output: stdout + stderr };
}

/** Runs it on a document, written as JSON, which is YAML. */
export function promtoolOn(t: TestContext, command: readonly string[], document: object): ReturnType<typeof promtool> {
  const file = join(tempDir(t), 'document.yml');
  writeFileSync(file, JSON.stringify(document));
  return promtool([...command, file]);
}
