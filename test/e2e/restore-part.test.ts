// `restore` of a part, and in pretence: one object, what is beneath a prefix, what would be done.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PREFIX, type StrictStage, strictStage } from '../support/stage.ts';
import { fullTree } from '../support/trees.ts';

const FILE = { mtime: '1600000000', mode: '100640' };

/** Beside `p/d/f` lies what begins with the same letters, and what is beneath something else. */
async function bucketOf(t: Parameters<typeof strictStage>[0]): Promise<StrictStage & { elsewhere: string }> {
  const stage = await strictStage(t);
  for (const name of ['d/f', 'd/f.old', 'd/f0/x', 'd/e/g', 'top']) stage.bucket.put(PREFIX + name, name, FILE);
  stage.server.clearRequests();
  return { ...stage, elsewhere: join(stage.dir, 'elsewhere') };
}

test('the URL of an object restores that object under its name, after one look at it and one beneath it', async (t) => {
  const { url, elsewhere, run, requests } = await bucketOf(t);
  const { code, stderr } = await run(['restore', `${url}d/f`, elsewhere]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /the URL names one object remote=s3:\/\/test-bucket\/p\/d\/f f$/m);
  assert.deepEqual(readdirSync(elsewhere), ['f']);
  const { mode, mtimeMs } = statSync(join(elsewhere, 'f'));
  assert.deepEqual([mode, mtimeMs], [0o100640, 1_600_000_000_000]);
  assert.deepEqual(requests(), ['HeadBucket', 'HeadObject p/d/f', 'ListObjectsV2', 'GetObject p/d/f']);
});

test('S9 an object is restored by the table: nothing to do, edits stay, a missing file comes back', async (t) => {
  const { url, elsewhere, bucket, run } = await bucketOf(t);
  const restore = async (...options: string[]) => {
    const { code, stdout, stderr } = await run(['restore', '--json', ...options, `${url}d/f`, elsewhere]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const file = join(elsewhere, 'f');
  await restore();
  writeFileSync(join(elsewhere, 'mine'), 'mine');
  const again = await restore('--delete');
  assert.deepEqual([again.unchanged, again.downloaded, again.removed], [1, 0, 0]);
  writeFileSync(file, 'edited');
  assert.equal((await restore()).downloaded, 0);
  assert.equal(readFileSync(file, 'utf8'), 'edited');
  const [conflict] = (await restore('--overwrite', 'always')).conflicts;
  assert.deepEqual([readFileSync(file, 'utf8'), readFileSync(conflict.keptAs, 'utf8')], ['d/f', 'edited']);
  unlinkSync(file);
  assert.equal((await restore()).downloaded, 1);
  bucket.remove(`${PREFIX}d/f`);
  const gone = await run(['restore', `${url}d/f`, elsewhere]);
  assert.match(gone.stderr, /there is nothing in S3 under this URL/);
  const refused = await run(['restore', '--object', `${url}d/f`, elsewhere]);
  assert.equal(refused.code, 1, refused.stderr);
  assert.deepEqual(readdirSync(elsewhere).sort(), ['f', 'mine']);
});

test('S2 S4 regression_object_taken_for_prefix: an object restored says nothing of what is beneath its name', async (t) => {
  const { url, elsewhere, bucket, run, text } = await bucketOf(t);
  assert.equal((await run(['restore', `${url}top`, elsewhere])).code, 0);
  bucket.put(`${PREFIX}top/beneath`, 'beneath', FILE);
  const { code, stderr } = await run(['run', elsewhere, `${url}top`, '--', 'true']);
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(elsewhere).sort(), ['beneath', 'top'], stderr);
  assert.equal(text('top/top'), 'top', stderr);
  assert.equal(text('top'), 'top');
});

test('an object with others beneath its name: neither is guessed, both can be asked for', async (t) => {
  const { url, dir, elsewhere, bucket, run } = await bucketOf(t);
  bucket.put(`${PREFIX}d/f/beneath`, 'beneath', FILE);
  const { code, stderr } = await run(['restore', `${url}d/f`, elsewhere]);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^awssyncer: Cannot restore s3:\/\/test-bucket\/p\/d\/f: it is an object, and there are others beneath it\n {2}hint: Add a '\/'/m,
  );
  assert.deepEqual(readdirSync(elsewhere), []);
  assert.equal((await run(['restore', `${url}d/f/`, elsewhere])).code, 0);
  assert.deepEqual(readdirSync(elsewhere), ['beneath']);
  const third = join(dir, 'third');
  assert.equal((await run(['restore', '--object', `${url}d/f`, third])).code, 0);
  assert.deepEqual(readdirSync(third), ['f']);
});

test('the URL of a prefix restores what is beneath it, with or without a final slash', async (t) => {
  const { url, dir, elsewhere, run } = await bucketOf(t);
  for (const [place, given] of [
    [elsewhere, `${url}d`],
    [join(dir, 'other'), `${url}d/`],
  ] as const) {
    const { code, stderr } = await run(['restore', given, place]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(readdirSync(place, { recursive: true }).sort(), ['e', 'e/g', 'f', 'f.old', 'f0', 'f0/x']);
  }
});

test('who may read what is beneath a prefix and may not ask for its own name restores it all the same', async (t) => {
  const { url, elsewhere, server, run } = await bucketOf(t);
  server.faults.add({ operation: 'HeadObject', key: /^p\/d$/, effect: { kind: 'status', code: 'AccessDenied' } });
  const { code, stderr } = await run(['restore', `${url}d`, elsewhere]);
  assert.equal(code, 0, stderr);
  assert.ok(existsSync(join(elsewhere, 'e/g')));
});

test('--object wants an object: one that is missing, left out or beside --delete is refused', async (t) => {
  const { url, elsewhere, run } = await bucketOf(t);
  const refused = async (expected: number, message: RegExp, ...args: string[]) => {
    const { code, stderr } = await run(['restore', ...args, elsewhere]);
    assert.equal(code, expected, stderr);
    assert.match(stderr, message);
  };
  await refused(1, /Cannot restore s3:\/\/test-bucket\/p\/none: there is no such object/, '--object', `${url}none`);
  await refused(2, /Cannot use --object: the S3 URL must be that of an object/, '--object', `${url}d/`);
  await refused(2, /Cannot use --object with --delete/, '--object', '--delete', `${url}d/f`);
  await refused(2, /d\/f: --exclude leaves it out/, '--exclude', 'f', `${url}d/f`);
  assert.ok(!existsSync(join(elsewhere, 'f')));
});

test('a directory whose marker is left out is made as any other, and nothing else of it comes', async (t) => {
  const { url, elsewhere, bucket, run } = await bucketOf(t);
  bucket.put(`${PREFIX}secret/`, '', { mode: '40700' });
  for (const name of ['a', 'b']) bucket.put(`${PREFIX}secret/${name}`, name, FILE);
  const { code, stderr } = await run(['restore', '--exclude', '*', '--include', '/secret/a', url, elsewhere]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(elsewhere, { recursive: true }).sort(), ['secret', 'secret/a']);
  assert.equal(statSync(join(elsewhere, 'secret')).mode & 0o777, 0o755);
});

test('S9 what was restored in part is not taken by run for everything: the rest comes, and nothing is deleted', async (t) => {
  const { dir, url, run, start, write, local, keys } = await strictStage(t);
  for (const name of ['world/a', 'world/b', 'logs/c']) write(name);
  assert.equal((await run(['sync', '--lease', 'active', local, url])).code, 0);
  const other = join(dir, 'other');
  assert.equal((await run(['restore', '--exclude', '*', '--include', '/world/', url, other])).code, 0);
  const agent = start(['run', other, url]);
  await agent.waitForLine(/ watching /);
  assert.ok(existsSync(join(other, 'logs/c')), agent.output());
  agent.signal('SIGTERM');
  assert.equal((await agent.exited).code, 0);
  assert.deepEqual(keys(), ['logs/c', 'world/a', 'world/b']);
});

test('S9 what sync left in S3 without fetching it is there when run is ready', async (t) => {
  const { url, run, start, write, local, bucket, at } = await strictStage(t);
  bucket.put(`${PREFIX}extra`, 'extra', FILE);
  write('a');
  assert.equal((await run(['sync', '--lease', 'active', local, url])).code, 0);
  const agent = start(['run', local, url]);
  await agent.waitForLine(/ watching /);
  assert.ok(existsSync(at('extra')), agent.output());
  agent.signal('SIGTERM');
  assert.equal((await agent.exited).code, 0);
  const again = start(['run', local, url]);
  await again.waitForLine(/ watching /);
  assert.match(again.output(), /nothing to restore: nobody else has written since/);
  again.signal('SIGTERM');
  await again.exited;
});

/** What would be said of `changed there` and of the whole. */
const DRY_RUNS: readonly (readonly [options: readonly string[], said: RegExp])[] = [
  [[], / would restore changed there 7 B$/m],
  [['--overwrite=never'], / warn: not overwritten: S3 has another version changed there /],
  [['--overwrite=always'], / would keep aside and replace edited 6 B$/m],
  [['--delete', '--exclude', '/file'], / would remove x\/mine$/m],
];

for (const [options, said] of DRY_RUNS) {
  test(`S9 a dry run says what restore ${options.join(' ')} would do, changes nothing, and is right`, async (t) => {
    const { url, bucket, local, state, run, write, at } = await strictStage(t);
    const put = (name: string, content = name) => bucket.put(PREFIX + name, content, FILE);
    for (const name of ['as base', 'changed there', 'both', 'lost', 'edited', 'd/e/lost']) put(name);
    bucket.put(`${PREFIX}closed/`, '', { mode: '40700' });
    assert.equal((await run(['restore', url, local])).code, 0);
    for (const name of ['both', 'edited', 'mine', 'x/mine', 'file']) write(name, `${name} here`);
    write('.awssyncer-tmp-0123456789abcdef', 'of a restore that was killed');
    put('changed there', 'changed');
    put('both', 'changed');
    put('new/file');
    put('file/in the way');
    for (const name of ['lost', 'd/e/lost']) bucket.remove(PREFIX + name);
    bucket.put(`${PREFIX}empty/`, '', { mode: '40711' });
    mkdirSync(at('bare'));
    const restore = (...more: string[]) => run(['restore', '--json', ...more, ...options, url, local]);
    const counts = ({ stdout }: { stdout: string }) => {
      const { ms, requests, dryRun, conflicts, ...rest } = JSON.parse(stdout);
      return rest;
    };
    const before = fullTree(local);
    const dry = await restore('--dry-run');
    assert.deepEqual(fullTree(local), before);
    assert.ok(existsSync(at('.awssyncer-tmp-0123456789abcdef')) && !existsSync(join(state, 'conflicts')));
    assert.match(dry.stderr, said);
    assert.match(dry.stderr, / nothing was changed; would be downloaded=/);
    const again = await restore('--dry-run');
    assert.deepEqual(counts(again), counts(dry), 'nothing was remembered');
    const real = await restore();
    assert.deepEqual([counts(dry), dry.code], [counts(real), real.code], dry.stderr + real.stderr);
  });
}

test('a dry run neither makes LOCAL nor touches the ready file', async (t) => {
  const { url, dir, bucket, local, run } = await strictStage(t);
  bucket.put(`${PREFIX}a`, 'a');
  const missing = await run(['restore', '--dry-run', url, join(dir, 'missing')]);
  assert.equal(missing.code, 1);
  assert.ok(!existsSync(join(dir, 'missing')));
  const ready = join(dir, 'ready');
  assert.equal((await run(['restore', '--dry-run', '--ready-file', ready, url, local])).code, 0);
  assert.ok(!existsSync(ready));
  writeFileSync(ready, 'of before');
  assert.equal((await run(['restore', '--dry-run', '--ready-file', ready, url, local])).code, 0);
  assert.equal(readFileSync(ready, 'utf8'), 'of before');
});
