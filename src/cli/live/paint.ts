// Pure. Lines of styled text become what a terminal is sent.
import { harmless } from '../../ops/harmless.ts';
import { cut, widthOf } from './width.ts';

/** What a text is, not how it looks. */
export type Style = 'strong' | 'quiet' | 'good' | 'busy' | 'late' | 'bad';

export interface Span {
  readonly text: string;
  readonly styles?: readonly Style[];
}

export type Line = readonly Span[];

/** ECMA-48, SGR. */
const CODES: Readonly<Record<Style, number>> = { strong: 1, quiet: 2, good: 32, busy: 36, late: 33, bad: 31 };

export interface PaintOptions {
  /** A longer line is cut. */
  readonly columns: number;
  readonly colours: boolean;
}

/** Whatever the text holds, nothing but our own styles steers the terminal, and it stays one line. */
export function paint(line: Line, { columns, colours }: PaintOptions): string {
  let left = columns;
  const parts = line.map(({ text, styles = [] }) => {
    const shown = cut(harmless(text), left);
    left -= widthOf(shown);
    if (!colours || styles.length === 0 || shown === '') return shown;
    return `\x1b[${styles.map((style) => CODES[style]).join(';')}m${shown}\x1b[0m`;
  });
  return parts.join('').trimEnd();
}
