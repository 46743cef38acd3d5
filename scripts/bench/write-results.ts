// What a benchmark leaves behind: the data, RESULTS.md and the plots.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plots } from './plots/plots.ts';
import { markdown } from './report.ts';
import type { Report } from './results.ts';

/** Adds results to those in a file; work that is there already is replaced. */
function saveReport(file: string, report: Report): Report {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : [];
  const names = new Set(before.map(({ name }) => name));
  const merged = [
    ...before.map((work) => report.find(({ name }) => name === work.name) ?? work),
    ...report.filter(({ name }) => !names.has(name)),
  ];
  writeFileSync(file, `${JSON.stringify(merged, null, 1)}\n`);
  return merged;
}

/** Writes RESULTS.md, and beside it results/ with the data and the plots. */
export function writeResults(directory: string, report: Report): void {
  const results = join(directory, 'results');
  mkdirSync(results, { recursive: true });
  const merged = saveReport(join(results, 'results.json'), report);
  const drawn = plots(merged);
  for (const [name, svg] of drawn) writeFileSync(join(results, `${name}.svg`), svg);
  writeFileSync(join(directory, 'RESULTS.md'), markdown(merged, [...drawn.keys()]));
}
