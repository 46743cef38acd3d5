// What a build says of itself: its version, and the commit it was built from.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import type { AgentStatus } from '../../src/ops/control.ts';
import { baseOf } from '../support/http-agent.ts';
import { cleanEnvironment, strictStage } from '../support/stage.ts';
import { tempDir } from '../support/temp-dir.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Sources as they are here, with these dependencies but a build of their own. */
function copyOfSources(t: TestContext): string {
  const copy = tempDir(t);
  for (const name of [
    'src',
    'scripts',
    'build/awssyncer.node',
    'package.json',
    'package-lock.json',
    '.npmrc',
    '.gitignore',
  ]) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter((name) => !name.endsWith('awssyncer-build.json'))) {
    symlinkSync(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name));
  }
  return copy;
}

test('--version tells the commit: of the variable, else of git with a mark where files differ, else none', (t) => {
  const copy = copyOfSources(t);
  const env = cleanEnvironment(copy);
  const said = (more: Record<string, string> = {}) => {
    execFileSync(process.execPath, ['scripts/setup.mjs'], { cwd: copy, env: { ...env, ...more }, stdio: 'pipe' });
    const answer = execFileSync(process.execPath, ['dist/main.js', '--version'], {
      cwd: copy,
      env: {},
      encoding: 'utf8',
    });
    return answer.replace(`awssyncer ${packageJson.version}`, '').trim();
  };
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      cwd: copy,
      env,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  assert.equal(said(), '');
  git('init', '-q');
  git('add', 'src', 'scripts', 'package.json');
  git('commit', '-qm', 'first');
  const head = git('rev-parse', 'HEAD').trim();
  assert.equal(said(), `(${head.slice(0, 7)})`);
  assert.equal(said({ AWSSYNCER_COMMIT: `${head.replace(/^./, 'f')}` }), `(f${head.slice(1, 7)})`);
  appendFileSync(join(copy, 'src/main.ts'), '// other\n');
  assert.equal(said(), `(${head.slice(0, 7)}-dirty)`);
  rmSync(join(copy, '.git'), { recursive: true });
  assert.equal(said({ AWSSYNCER_COMMIT: 'release-7' }), '(release-7)');
});

test('an agent tells the same commit in its status and as a metric', async (t) => {
  const stage = await strictStage(t);
  const { stdout } = await stage.run(['--version']);
  const commit = /\((.+)\)/.exec(stdout)?.[1] ?? null;
  const agent = stage.start(['watch', '--http', '0', stage.local, stage.url]);
  const base = await baseOf(agent);
  await agent.waitForLine(/ watching /);
  const status = JSON.parse((await stage.run(['status', '--json', stage.local])).stdout) as AgentStatus;
  assert.deepEqual([status.version, status.commit], [packageJson.version, commit]);
  const human = (await stage.run(['status', stage.local])).stdout;
  assert.ok(human.includes(`version ${stdout.replace('awssyncer ', '').trim()}, for`), human);
  const metrics = await (await fetch(`${base}metrics`)).text();
  const labels = `version="${packageJson.version}",revision="${commit ?? ''}"`;
  assert.ok(metrics.includes(`awssyncer_build_info{${labels}} 1\n`), metrics);
});
