// Which names are one file.
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Names of every file that has several beneath `root`, each set in order, the sets too. Links are not followed. */
export function linkedNames(root: string): string[][] {
  const byInode = new Map<bigint, string[]>();
  const visit = (dir: string): void => {
    for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
      const name = join(dir, entry.name);
      if (entry.isDirectory()) visit(name);
      if (!entry.isFile()) continue;
      const { ino } = lstatSync(join(root, name), { bigint: true });
      byInode.set(ino, [...(byInode.get(ino) ?? []), name]);
    }
  };
  visit('');
  return [...byInode.values()]
    .filter((names) => names.length > 1)
    .map((names) => names.sort())
    .sort();
}
