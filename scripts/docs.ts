// Writes what is generated from the code: `npm run docs`. `npm run check` says when it is stale.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { GENERATED, regenerate } from './checks/docs.ts';

for (const path of GENERATED) {
  const file = new URL(`../${path}`, import.meta.url);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, regenerate(path, existsSync(file) ? readFileSync(file, 'utf8') : ''));
}
