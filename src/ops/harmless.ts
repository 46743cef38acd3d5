// Pure. Text that others chose (names of files, answers of servers) as it may be shown at a terminal.

/** What steers a terminal, or shows what follows in another order; and what would begin another line. */
const HARMFUL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line, with an escape as in JSON for each such character: of JSON it is still the same value. */
export function harmless(line: string): string {
  return line.replace(HARMFUL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same of a text whose line feeds are meant. */
export function harmlessLines(text: string): string {
  return text.split('\n').map(harmless).join('\n');
}
