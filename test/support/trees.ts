// Everything about a tree that a restore must bring back.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Every path beneath, sorted. Links are not followed, as readdir's own recursion does. */
export function pathsIn(root: string): string[] {
  const beneath = (dir: string): string[] =>
    readdirSync(join(root, dir), { withFileTypes: true }).flatMap((entry) => {
      const path = join(dir, entry.name);
      return entry.isDirectory() ? [path, ...beneath(path)] : [path];
    });
  return beneath('').sort();
}

/** Path -> type, mode, owner, and for files the time to the nanosecond and the content, for links the target. */
export function fullTree(root: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const path of pathsIn(root)) {
    const stat = lstatSync(join(root, path), { bigint: true });
    const about = [stat.mode.toString(8), stat.uid, stat.gid];
    if (stat.isFile())
      about.push(
        stat.mtimeNs,
        createHash('sha256')
          .update(readFileSync(join(root, path)))
          .digest('hex'),
      );
    if (stat.isSymbolicLink()) about.push(readlinkSync(join(root, path)));
    tree[path] = about.join(' ');
  }
  return tree;
}
