// Directories as a walk reads them, and a disk that refuses.
import { constants } from 'node:os';
import { joinPath, type RelPath } from '../../src/model/path.ts';
import { loadAddon } from '../../src/native/addon.ts';
import { type Child, DirectoryReader, type ReadDirectory } from '../../src/tree/directory-reader.ts';
import type { LocalTree } from '../../src/tree/local-tree.ts';

/** Reads the tree with the addon, as a workspace does. */
export function directoriesOf(tree: LocalTree): DirectoryReader {
  return new DirectoryReader(tree, loadAddon().readDirectory);
}

/** What a system call on this path fails with, if it fails. */
type Fault = (path: RelPath) => string | undefined;

/** The same with failures: of reading a directory, of looking at one of its names. */
export function faultyDirectories(
  directories: Pick<DirectoryReader, 'read'>,
  { read, look }: { read?: Fault; look?: Fault },
): Pick<DirectoryReader, 'read'> {
  const faulty = (dir: RelPath, children: readonly Child[]): Child[] =>
    children.map((child) => {
      const code = child.stat === undefined ? undefined : look?.(joinPath(dir, child.name));
      return code === undefined ? child : { name: child.name, stat: errno(code) };
    });
  return {
    async read(dir) {
      const code = read?.(dir);
      if (code !== undefined) return errno(code);
      const found = await directories.read(dir);
      if (typeof found === 'number') return found;
      const next: ReadDirectory['next'] = async () => {
        const children = await found.next();
        return typeof children === 'number' ? children : faulty(dir, children);
      };
      return { stat: found.stat, directories: () => found.directories(), next };
    },
  };
}

/** From now on these directories fail like that. */
export function breakDirectories(directories: DirectoryReader, faults: Parameters<typeof faultyDirectories>[1]): void {
  Object.assign(directories, faultyDirectories({ read: directories.read.bind(directories) }, faults));
}

function errno(code: string): number {
  return -constants.errno[code as keyof typeof constants.errno];
}
