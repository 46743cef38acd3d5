// mkdir -p. Node's own runs for ever where the kernel answers ENOENT beneath a directory that is there, as /proc does.
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes a directory, and those above it. @throws the system error, EEXIST if something else has the name. */
export function makeDirectory(path: string, mode = 0o777): void {
  const above = dirname(path);
  try {
    if (!isDirectory(above) && above !== path) makeDirectory(above, mode);
    mkdirSync(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isDirectory(path)) throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
