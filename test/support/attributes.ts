// A tree with all that can be said of files, and what a tree says of them. Run as a program it does so in a process of
// its own: what is mounted is served by way of the S3 server that a test runs itself, and would wait for it.
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Contents, expectedObjects } from './reference.ts';

/** Nanoseconds that no double holds. */
const TIME = '2020-01-02 03:04:05.123456789 UTC';

/** Everything that can be said of a file, on any file system that keeps it. */
export function plantIn(root: string): void {
  const at = (path: string): string => join(root, path);
  for (const directory of ['closed/deep', 'empty', 'owned']) mkdirSync(at(directory), { recursive: true });
  for (const path of ['a', 'closed/deep/b', 'owned/c', 'script']) writeFileSync(at(path), `content of ${path}`);
  symlinkSync('closed/deep/b', at('link'));
  lchownSync(at('link'), 12, 34);
  chmodSync(at('a'), 0o640);
  chownSync(at('a'), 12, 34);
  chmodSync(at('script'), 0o4755);
  chmodSync(at('closed/deep'), 0o711);
  chmodSync(at('closed'), 0o700);
  chmodSync(at('empty'), 0o1777);
  chownSync(at('owned'), 56, 78);
  const files = ['a', 'closed/deep/b', 'owned/c', 'script'].map(at);
  execFileSync('touch', ['--no-dereference', '--date', TIME, ...files, at('link')]);
}

/** The tree with all it says, but for the agent's own. */
export function treeOf(root: string): Contents {
  const all = Object.entries(expectedObjects(root, { prefix: '', fully: true }));
  return Object.fromEntries(all.filter(([path]) => !path.startsWith('.awssyncer/')));
}

/** The same of what every program can carry. */
export function filesOf(root: string): Contents {
  return Object.fromEntries(Object.entries(treeOf(root)).filter(([, text]) => /^010\d{4} /.test(text)));
}

/** Moves some of it to other places. */
function moveIn(root: string): void {
  const at = (path: string): string => join(root, path);
  mkdirSync(at('moved'));
  for (const path of ['file', 'moved/file']) writeFileSync(at(path), `moved ${path}`);
  renameSync(at('file'), at('owned/file'));
  renameSync(at('moved'), at('closed/moved'));
}

const DEEDS = { plant: plantIn, move: moveIn, tell: () => {} } as const;

/** Does this to the tree, in another process. @returns what the tree says then */
export async function elsewhere(deed: keyof typeof DEEDS, root: string): Promise<Contents> {
  const args = [fileURLToPath(import.meta.url), deed, root];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000, killSignal: 'SIGKILL' });
  return JSON.parse(stdout);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [deed, root] = process.argv.slice(2) as [keyof typeof DEEDS, string];
  process.umask(0o022);
  DEEDS[deed](root);
  console.log(JSON.stringify(treeOf(root)));
}
