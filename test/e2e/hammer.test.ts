// What the program is for, all of it at once: a large tree, changed without mercy, and nothing lost or wrongly deleted.
// AWSSYNCER_TEST_HAMMER_S=60 makes it last a minute.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { expectedObjects, storedObjects } from '../support/reference.ts';
import { type Stage, strictStage } from '../support/stage.ts';
import { fullTree } from '../support/trees.ts';

const HAMMER_S = Number(process.env['AWSSYNCER_TEST_HAMMER_S'] ?? 15);
const FILES = 10_000;
const PER_DIRECTORY = 100;

const run = promisify(execFile);

/** A repository and an archive to make trees from, outside of LOCAL. */
async function makeSources({ dir }: Stage): Promise<{ repository: string; archive: string }> {
  const [repository, archive] = [join(dir, 'repository'), join(dir, 'archive.tar')];
  for (let index = 0; index < 300; index++) {
    const directory = join(repository, `src${index % 17}/nested/deeper${index % 5}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file${index}.c`), `int x = ${index};\n`.repeat(1 + (index % 40)));
  }
  const git = (...args: string[]) =>
    run('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-C', repository, ...args]);
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '--message', 'all');
  await run('tar', ['cf', archive, '-C', repository, ...readdirSync(repository).filter((name) => name !== '.git')]);
  return { repository, archive };
}

/** Until time is up: clone, unpack, rename what is there, rename it again, write into it, remove it. */
async function hammer(
  { at }: Stage,
  { repository, archive }: { repository: string; archive: string },
): Promise<number> {
  const late = performance.now() + HAMMER_S * 1000;
  let rounds = 0;
  for (; performance.now() < late; rounds++) {
    const [clone, unpacked, old] = [
      at(`clone${rounds % 3}`),
      at(`deep/unpacked${rounds % 4}`),
      at(`dir${rounds % 50}`),
    ];
    for (const directory of [clone, unpacked, at('moved')]) rmSync(directory, { recursive: true, force: true });
    mkdirSync(unpacked, { recursive: true });
    await Promise.all([
      run('git', ['clone', '--quiet', repository, clone]),
      run('tar', ['xf', archive, '-C', unpacked]),
    ]);
    renameSync(clone, at('moved'));
    writeFileSync(at('moved/written after the move'), `${rounds}`);
    renameSync(at('moved/src1'), join(unpacked, 'taken from the clone'));
    renameSync(unpacked, `${clone}.swapped`);
    renameSync(`${clone}.swapped`, clone);
    if (existsSync(old)) renameSync(old, `${old}.renamed`);
    else if (rounds % 2 === 0) renameSync(`${old}.renamed`, old);
    for (let index = 0; index < 50; index++) writeFileSync(at(`dir99/file${index}`), `round ${rounds}`);
    if (rounds % 5 === 4) rmSync(at(`dir${50 + (((rounds / 5) | 0) % 40)}`), { recursive: true, force: true });
  }
  return rounds;
}

test(`S2 S4 S11 ${FILES} files hammered for ${HAMMER_S} s: after SIGTERM S3 holds the tree, and a restore gives it back`, async (t) => {
  const stage = await strictStage(t);
  const { server, local, url, write, start, dir } = stage;
  const sources = await makeSources(stage);
  for (let index = 0; index < FILES; index++) write(`dir${(index / PER_DIRECTORY) | 0}/file${index % PER_DIRECTORY}`);
  const cli = start(['watch', local, url]);
  await cli.waitForLine(/ watching /);
  const rounds = await hammer(stage, sources);
  assert.ok(rounds > 2, 'it was hammered');
  cli.signal('SIGTERM');
  assert.deepEqual(
    await cli.exited,
    { code: 0, signal: null },
    cli.stderr
      .filter((line) => !/ uploaded | deleted /.test(line))
      .slice(-50)
      .join('\n'),
  );

  const [stored, expected] = [storedObjects(server), expectedObjects(local)];
  const keys = [...new Set([...Object.keys(stored), ...Object.keys(expected)])];
  assert.deepEqual(
    keys.filter((key) => stored[key] !== expected[key]),
    [],
  );
  assert.ok(keys.length > FILES / 2);

  const copy = join(dir, 'copy');
  const agent = start(['run', '--state-dir', join(dir, 'other state'), copy, url]);
  await agent.waitForLine(/ watching /, 60_000);
  agent.signal('SIGTERM');
  assert.deepEqual(await agent.exited, { code: 0, signal: null }, agent.output());
  assert.deepEqual(fullTree(copy), fullTree(local));
});
