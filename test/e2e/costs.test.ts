// S8 What files cost, counted: requests, system calls, bytes read. The program and Node themselves cost the same each
// time, so that two runs tell what the files cost in which they differ.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type CallCounter, type Calls, countCalls, difference } from '../support/count-calls.ts';
import { type StrictStage, strictStage } from '../support/stage.ts';

const MIB = 2 ** 20;

interface CountedStage extends StrictStage {
  readonly counter: CallCounter;
}

async function countedStage(t: TestContext): Promise<CountedStage> {
  const stage = await strictStage(t);
  return { ...stage, counter: countCalls(t, stage.local) };
}

/**
 * `sync`, which must succeed; what it asked of the kernel and of S3. Without a lease: what is to be written while the
 * first write takes one is read once more afterwards.
 */
async function synced(stage: CountedStage): Promise<{ calls: Calls; requests: string[] }> {
  const { server, counter, run, local, url, requests } = stage;
  server.clearRequests();
  const { code, stderr } = await run(['sync', '--lease=off', local, url], { within: counter.within });
  assert.equal(code, 0, stderr);
  return { calls: counter.calls(), requests: requests() };
}

function writeDirectories(stage: StrictStage, name: string, { count, files }: { count: number; files: number }): void {
  for (let n = 0; n < count * files; n++) stage.write(`${name}-${n % count}/file-${n}`);
}

test('S8 where nothing is to be done a file costs one look, and no content is read', async (t) => {
  const stage = await countedStage(t);
  const [count, files] = [20, 30];
  writeDirectories(stage, 'first', { count, files });
  await synced(stage);
  const few = await synced(stage);
  writeDirectories(stage, 'second', { count, files });
  await synced(stage);
  const many = await synced(stage);

  assert.deepEqual([few.requests, many.requests], [[], []]);
  const { open, look, list, sync, bytesBeneath, all } = difference(many.calls, few.calls);
  const shown = JSON.stringify({ open, look, list, sync, all });
  assert.deepEqual({ sync, bytesBeneath }, { sync: 0, bytesBeneath: 0 });
  // A directory is opened, looked at (twice: opendir(3) makes sure of it) and listed, to the end of the list.
  assert.ok(open <= 1.2 * count && list <= 2.2 * count, shown);
  assert.ok(look <= count * files + 2.5 * count, shown);
  // What is left is the ledger's pages, threads that wait for one another, and memory.
  assert.ok(all <= 2 * count * files, shown);
});

test('S8 a changed file is one request, opened once, and its bytes are read once, whatever its size', async (t) => {
  const stage = await countedStage(t);
  writeDirectories(stage, 'directory', { count: 2, files: 50 });
  await synced(stage);
  const idle = await synced(stage);

  const small = Array.from({ length: 40 }, (_, n) => `directory-1/file-${2 * n + 1}`);
  for (const path of small) stage.write(path, Buffer.alloc(5000, path));
  const some = await synced(stage);
  const expected = ['HeadBucket', ...small.map((path) => `PutObject p/${path}`)];
  assert.deepEqual(some.requests.sort(), expected.sort());
  const { open, all, readsBeneath, bytesBeneath } = difference(some.calls, idle.calls);
  assert.deepEqual({ readsBeneath, bytesBeneath }, { readsBeneath: small.length, bytesBeneath: small.length * 5000 });
  // The ledger's files are opened too.
  assert.ok(open <= small.length + 10, `${open} files opened`);
  assert.ok(all <= 60 * small.length, `${all} system calls`);

  stage.write('large', Buffer.alloc(20 * MIB, 'in parts'));
  const large = await synced(stage);
  assert.equal(large.calls.bytesBeneath, 20 * MIB);
});

test('S8 a changed file is read once while watching', async (t) => {
  const stage = await strictStage(t);
  const agent = stage.start(['watch', '--lease=off', stage.local, stage.url]);
  await agent.waitForLine(/ watching /);
  // proc(5): what the process got by read(2) and the like, its connections included.
  const bytesRead = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${agent.pid}/io`, 'utf8'))![1]);
  const before = bytesRead();
  const paths = Array.from({ length: 8 }, (_, n) => `file-${n}`);
  for (const path of paths) stage.write(path, Buffer.alloc(MIB, path));
  await agent.until('all is stored', () => stage.keys().length === paths.length);
  assert.equal(Math.floor((bytesRead() - before) / MIB), paths.length);
  assert.deepEqual(stage.requests().sort(), [
    'HeadBucket',
    'ListObjectsV2',
    ...paths.map((path) => `PutObject p/${path}`),
  ]);
});
