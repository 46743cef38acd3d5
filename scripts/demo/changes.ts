// The changes that the demo makes, and what each has to become in S3.
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { showBytes } from '../../src/ops/units.ts';
import type { Wanted } from './bucket.ts';
import { showCount } from './screen.ts';
import { copyRealTree, realTree } from './tree.ts';

/** What S3 has to show after a change: one object, or beneath directories exactly the files that are on disk there. */
export type Expected = { readonly object: Wanted } | { readonly directories: readonly string[] };

/** One change on disk. */
export interface Change {
  /** As one would type it. */
  readonly what: string;
  /** Makes it beneath a directory, and returns as soon as the last system call of it has. */
  readonly make: (root: string) => Expected | Promise<Expected>;
  /** What else there is to say of the object. */
  readonly remark?: string;
}

const BIG_FILE = randomBytes(20 * 1024 * 1024);

/** How many files are many. */
export const MANY = 40;

/** An object with this content. */
function object(path: string, body: string | Buffer): Expected {
  return { object: { path, body: Buffer.from(body) } };
}

function gone(path: string): Expected {
  return { object: { path, body: undefined } };
}

/** Writes a file, close(2) included. */
function write(root: string, path: string, body: string | Buffer): Expected {
  writeFileSync(join(root, path), body);
  return object(path, body);
}

/** Writes a file of a few bytes. */
export function writeSmall(root: string, path: string): Expected {
  return write(root, path, `this is ${path}\n`);
}

/** Writes many small files. */
export function writeMany(root: string, directory: string): Expected {
  mkdirSync(join(root, directory));
  for (let n = 1; n <= MANY; n++) writeSmall(root, `${directory}/${n}.txt`);
  return { directories: [directory] };
}

/** In the order in which they are made: later ones build on earlier ones. */
export const CHANGES: readonly Change[] = [
  {
    what: 'echo hello > hello.txt',
    make: (root) => write(root, 'hello.txt', 'hello\n'),
  },
  {
    what: 'echo again >> hello.txt',
    make: (root) => {
      appendFileSync(join(root, 'hello.txt'), 'again\n');
      return object('hello.txt', 'hello\nagain\n');
    },
  },
  {
    what: 'mkdir -p a/b/c/d; date > a/b/c/d/e',
    make: (root) => {
      mkdirSync(join(root, 'a/b/c/d'), { recursive: true });
      return write(root, 'a/b/c/d/e', `${new Date()}\n`);
    },
    remark: 'four levels at once',
  },
  {
    what: 'write conf.tmp; mv conf.tmp conf',
    make: (root) => {
      write(root, 'conf.tmp', 'colour = green\n');
      renameSync(join(root, 'conf.tmp'), join(root, 'conf'));
      return object('conf', 'colour = green\n');
    },
  },
  {
    what: 'chmod 600 conf',
    make: (root) => {
      chmodSync(join(root, 'conf'), 0o600);
      return { object: { path: 'conf', body: Buffer.from('colour = green\n'), mode: '0100600' } };
    },
    remark: 'mode 600',
  },
  {
    what: 'ln -s a/b/c/d/e link',
    make: (root) => {
      symlinkSync('a/b/c/d/e', join(root, 'link'));
      return object('link', 'a/b/c/d/e');
    },
    remark: 'holds the target',
  },
  {
    what: 'mkdir inbox',
    make: (root) => {
      mkdirSync(join(root, 'inbox'));
      return object('inbox/', '');
    },
    remark: 'empty directory',
  },
  {
    what: 'rm hello.txt',
    make: (root) => {
      unlinkSync(join(root, 'hello.txt'));
      return gone('hello.txt');
    },
  },
  {
    what: `mkdir draft; write ${MANY} files in it`,
    make: (root) => writeMany(root, 'draft'),
  },
  {
    what: 'mv draft final',
    make: (root) => {
      renameSync(join(root, 'draft'), join(root, 'final'));
      return { directories: ['draft', 'final'] };
    },
  },
  {
    what: 'echo new > final/1.txt',
    make: (root) => write(root, 'final/1.txt', 'new\n'),
    remark: 'under its new name',
  },
  {
    what: 'rm final/2.txt',
    make: (root) => {
      unlinkSync(join(root, 'final/2.txt'));
      return gone('final/2.txt');
    },
  },
  {
    what: `mkdir scratch; write ${MANY} files in it`,
    make: (root) => writeMany(root, 'scratch'),
  },
  {
    what: 'rm -r scratch',
    make: (root) => {
      rmSync(join(root, 'scratch'), { recursive: true });
      return { directories: ['scratch'] };
    },
  },
  {
    what: 'a file of 20 MiB',
    make: (root) => write(root, 'big.bin', BIG_FILE),
    remark: '3 parts',
  },
  {
    what: `cp -a ${realTree()} tree  (a part)`,
    make: async (root) => {
      await copyRealTree(realTree(), join(root, 'tree'));
      return { directories: ['tree'] };
    },
  },
];

/** The object of a change, for people. */
export function describeObject(root: string, { path, body }: Wanted): string {
  if (body === undefined) return `${path} is gone`;
  const isDirectory = lstatSync(join(root, path)).isDirectory();
  return isDirectory ? path : `${path}  ${showBytes(body.length)}`;
}

/** The files of a directory, for people. */
export function describeDirectory([directory, sizes]: [string, ReadonlyMap<string, number>]): string {
  if (sizes.size === 0) return `${directory}/ is gone`;
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return `${directory}/  ${showCount(sizes.size)} files  ${showBytes(bytes)}`;
}
