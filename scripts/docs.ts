// Writes the generated parts of README.md: `npm run docs`. `npm run check` says when they are stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { regenerate } from './checks/docs.ts';

const README = new URL('../README.md', import.meta.url);

writeFileSync(README, regenerate(readFileSync(README, 'utf8')));
