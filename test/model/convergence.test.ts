// Random operations on a real tree under real inotify; after a barrier the bucket equals the tree.
import assert from 'node:assert/strict';
import { closeSync, constants, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { NO_XATTRS, storedXattrs } from '../../src/model/xattrs.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { readXattrs } from '../../src/tree/xattrs.ts';
import { type StrictS3, startStrictS3 } from '../strict-s3/server.ts';
import { type AgentConfig, BUCKET, startAgent } from '../support/agent.ts';
import { linkedNames } from '../support/links.ts';
import { expectedObjects, storedObjects } from '../support/reference.ts';
import { tempDir } from '../support/temp-dir.ts';
import { isInvisible, type Operation, operate, operations } from '../support/tree-operations.ts';

let server: StrictS3;
before(async () => {
  server = await startStrictS3({ buckets: [BUCKET] });
});
after(() => server.close());

let prefixes = 0;

interface Ground {
  readonly root: string;
  readonly prefix: string;
}

/** Does any sequence of operations under an agent's eyes, and lets it settle. */
async function converge(
  t: TestContext,
  { runs, config, words = [] }: { runs: number; config?: Partial<AgentConfig>; words?: string[] },
  check: (ground: Ground) => void,
): Promise<void> {
  const property = fc.asyncProperty(operations('settle', 'turn', ...words), async (sequence) => {
    const prefix = `c${prefixes++}/`;
    const base = tempDir(t);
    const root = join(base, 'data');
    mkdirSync(root);
    mkdirSync(join(base, 'out'));
    const agent = await startAgent(t, server, { root, prefix, ...(config && { config }) });
    try {
      for (const operation of sequence) {
        if (operation.do === 'settle') await agent.settle();
        else if (operation.do === 'turn') await new Promise(setImmediate);
        else if (operation.do === 'attribute') setAttribute(root, operation);
        else if (!isInvisible(operation)) operate(root, operation);
      }
      await agent.settle();
      check({ root, prefix });
    } finally {
      await agent.stop();
    }
  });
  await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? runs) });
}

function assertEqual({ root, prefix }: Ground): void {
  assert.deepEqual(storedObjects(server, { prefix, fully: true }), expectedObjects(root, { prefix, fully: true }));
}

test('S2 after any sequence of operations the prefix equals the tree', async (t) => {
  await converge(t, { runs: 200 }, assertEqual);
});

test('S13 after any sequence of operations what S3 has as one file is one on disk', async (t) => {
  await converge(t, { runs: 100, config: { hardLinks: true } }, (ground) => {
    assertEqual(ground);
    assert.deepEqual(linksInS3(ground.prefix), linkedNames(ground.root));
  });
});

test('S13 after any sequence of operations S3 has the attributes that are on disk', async (t) => {
  await converge(t, { runs: 100, config: { xattrs: true }, words: ['attribute', 'attribute'] }, ({ root, prefix }) => {
    const onDisk: Record<string, string> = {};
    const visit = (dir: string): void => {
      for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
        const path = join(dir, entry.name);
        if (entry.isDirectory()) visit(path);
        const { digest } = entry.isSymbolicLink() ? NO_XATTRS : readXattrs(Buffer.from(join(root, path)));
        if (digest !== '') onDisk[`${prefix}${path}${entry.isDirectory() ? '/' : ''}`] = digest;
      }
    };
    visit('');
    const objects = [...server.bucket(BUCKET).objects(prefix)];
    const stored = objects.map(([key, { metadata }]) => [key, storedXattrs(metadata).digest] as const);
    assert.deepEqual(Object.fromEntries(stored.filter(([, digest]) => digest !== '')), onDisk);
  });
});

/** Gives a file or directory within the tree one attribute, or takes all of them away. */
function setAttribute(root: string, { at, to }: Operation): void {
  const value = to.length % 3 === 0 ? '' : `user.a\0\0\0\0\x01${to.length % 10}`;
  if (at.startsWith('../')) return; // no event would tell
  try {
    const fd = openSync(join(root, at), constants.O_RDONLY | constants.O_NOFOLLOW);
    loadAddon().setXattrs(fd, Buffer.from(value, 'latin1'));
    closeSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error; // that much is refused is part of the game
  }
}

/** Names that a restore would link. */
function linksInS3(prefix: string): string[][] {
  const sets = new Map<string, string[]>();
  for (const [key, { etag, metadata }] of server.bucket(BUCKET).objects(prefix)) {
    const { mtime, mode, uid, gid, 'awssyncer-links': group } = metadata;
    if (group === undefined) continue;
    const set = [group, etag, mtime, mode, uid, gid].join(' ');
    sets.set(set, [...(sets.get(set) ?? []), key.slice(prefix.length)]);
  }
  return [...sets.values()].filter((names) => names.length > 1).sort();
}
