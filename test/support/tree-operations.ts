// Random operations on a real tree, on so few names that they meet.
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';

/** One operation; '../out/...' lies outside of the tree. */
export interface Operation {
  readonly do: string;
  readonly at: string;
  readonly to: string;
}

const path = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const place = fc.oneof({ weight: 5, arbitrary: path }, { weight: 1, arbitrary: path.map((p) => `../out/${p}`) });

const ON_FILES = ['write', 'append', 'truncate', 'chmod', 'link', 'link to', 'remove'];
const ON_DIRECTORIES = ['mkdir -p', 'mkdir -p', 'mkdir -p', 'swap', 'replace', 'move and link'];
const RENAMES = ['rename', 'rename', 'rename', 'rename'];

/** An operation, or one of these words, which mean nothing to `operate`. */
export function operation(...otherWords: string[]): fc.Arbitrary<Operation> {
  const word = fc.constantFrom(...ON_FILES, ...ON_DIRECTORIES, ...RENAMES, ...otherWords);
  return fc.record({ do: word, at: place, to: place });
}

export function operations(...otherWords: string[]): fc.Arbitrary<Operation[]> {
  return fc.array(operation(...otherWords), { maxLength: 40, size: 'max' });
}

/** Does it if it can be done: that much is refused (ENOENT, ENOTEMPTY...) is part of the game. */
export function operate(root: string, { do: what, at, to }: Operation): void {
  const from = join(root, at);
  const target = join(root, to);
  const spare = join(root, '../out/spare');
  const fill = (): void => {
    mkdirSync(from, { recursive: true });
    writeFileSync(join(from, 'f'), to);
  };
  const ways: Record<string, () => void> = {
    write: () => writeFileSync(from, to),
    append: () => appendFileSync(from, 'more'),
    truncate: () => truncateSync(from, 1),
    chmod: () => chmodSync(from, 0o700 + to.length),
    link: () => linkSync(from, target),
    'link to': () => {
      rmSync(from, { recursive: true, force: true });
      symlinkSync(target, from);
    },
    remove: () => rmSync(from, { recursive: true }),
    'mkdir -p': fill,
    rename: () => renameSync(from, target),
    swap: () => {
      renameSync(from, spare);
      renameSync(target, from);
      renameSync(spare, target);
    },
    replace: () => {
      rmSync(from, { recursive: true });
      fill();
    },
    'move and link': () => {
      renameSync(from, target);
      symlinkSync(target, from);
    },
  };
  try {
    ways[what]?.();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    rmSync(spare, { recursive: true, force: true });
  }
}

/**
 * A file that also has a name outside of the tree can be changed by that name without any event inside: inotify cannot
 * tell, an audit does (SEMANTICS, S2).
 */
export function isInvisible({ do: what, at }: Operation): boolean {
  return at.startsWith('../') && ['write', 'append', 'truncate', 'chmod'].includes(what);
}
