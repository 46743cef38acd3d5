// What the demo prints: plain lines, with a little colour on a terminal.
import { styleText } from 'node:util';
import { showMs } from '../../src/ops/units.ts';

const CHANGE_COLUMNS = 40;
const OBJECT_COLUMNS = 42;
const LATENCY_COLUMNS = 8;

type Style = Parameters<typeof styleText>[0];

/** Styled if standard output is a terminal that wants it. */
const styled = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout });

let openRow = false;

function print(text: string): void {
  process.stdout.write(`${openRow ? '\n' : ''}${text}\n`);
  openRow = false;
}

/** The first line of a part of the demo, with what is shown in it. */
export function heading(title: string, explanation = ''): void {
  print(`\n${styled('bold', title)}${explanation && `\n${styled('dim', explanation)}`}`);
}

/** A name and what it stands for. */
export function fact(name: string, value: string): void {
  print(`  ${name.padEnd(10)} ${value}`);
}

/** An indented line. */
export function line(text: string): void {
  print(`  ${text}`);
}

/** What to know about the lines that follow. */
export function note(text: string): void {
  print(`\n  ${styled('dim', text)}`);
}

/** 1234 as '1,234'. */
export const showCount = (count: number): string => count.toLocaleString('en-US');

/** What the table of changes shows. */
export function tableHead(): void {
  const columns = ['on disk'.padEnd(CHANGE_COLUMNS), 'in S3'.padEnd(OBJECT_COLUMNS), 'after'.padStart(LATENCY_COLUMNS)];
  print(styled('dim', `  ${columns.join(' ')}`));
}

/** The left half of a row, printed before the change is made. */
export function rowStarts(change: string): void {
  process.stdout.write(`  ${change.padEnd(CHANGE_COLUMNS)} `);
  openRow = true;
}

/** The right half, printed once S3 shows it. */
export function rowEnds(object: string, latencyMs: number): void {
  openRow = false;
  print(`${object.padEnd(OBJECT_COLUMNS)} ${styled('cyan', showMs(latencyMs).padStart(LATENCY_COLUMNS))}`);
}

/** The last word. */
export function verdict(good: boolean, text: string): void {
  fact('verdict', styled(good ? ['bold', 'green'] : ['bold', 'red'], text));
}

/** Why the demo does not go on; goes to standard error. */
export function failure(message: string): void {
  if (openRow) print('');
  process.stderr.write(`demo: ${message}\n`);
}
