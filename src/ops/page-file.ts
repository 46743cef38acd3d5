// The files of the status page, as they lie in page/. In the bundle this module holds them: scripts/bundle.mjs.
import { readFileSync } from 'node:fs';

/** The text of one of them. @throws the system error if there is none of that name */
export function pageFile(name: string): string {
  return readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8');
}
