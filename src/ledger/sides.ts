// Which LOCAL and which URL a state directory belongs to: its name is only a hash of them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SIDES_FILE = 'sides.json';

export interface Sides {
  /** LOCAL, absolute and resolved. */
  readonly local: string;
  /** The S3 URL, normalised. */
  readonly url: string;
}

/** Writes them down for who looks for an agent. Nothing else rests on it: where it cannot be written it is left out. */
export function writeSides(directory: string, { local, url }: Sides): void {
  const known = readSides(directory);
  if (known?.local === local && known.url === url) return;
  try {
    writeFileSync(join(directory, SIDES_FILE), `${JSON.stringify({ local, url })}\n`, { mode: 0o600 });
  } catch {
    // The ledger, which is opened next, tells of a full or read-only disk better.
  }
}

/** What the directory says; undefined if it says nothing that can be read. */
export function readSides(directory: string): Sides | undefined {
  try {
    const { local, url } = JSON.parse(readFileSync(join(directory, SIDES_FILE), 'utf8')) as Partial<Sides>;
    return typeof local === 'string' && typeof url === 'string' ? { local, url } : undefined;
  } catch {
    return undefined;
  }
}
