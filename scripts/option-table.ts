// Prints the README's option table as the code knows it. --write puts it into README.md, --check fails when README.md differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { optionTable } from '../src/config/help.ts';

const README = new URL('../README.md', import.meta.url);
const [BEGIN, END] = ['<!-- options:begin -->', '<!-- options:end -->'];

/** The README with the table between its markers. */
function withTable(readme: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md must hold ${BEGIN} and ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${optionTable()}\n${readme.slice(end)}`;
}

const [mode] = process.argv.slice(2);
if (mode === undefined) {
  console.log(optionTable());
} else {
  const readme = readFileSync(README, 'utf8');
  const current = withTable(readme);
  if (mode === '--write') writeFileSync(README, current);
  if (mode === '--check' && current !== readme) {
    console.error(
      'README.md: the option table is not the one in src/config/options.ts; run scripts/option-table.ts --write',
    );
    process.exitCode = 1;
  }
}
