// A program at a real terminal: what it shows, keys that are pressed, and a size that changes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

const PTY = fileURLToPath(new URL('pty.py', import.meta.url));
const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

export interface Ended {
  readonly code: number;
  /** The terminal's settings are what they were before. */
  readonly restored: boolean;
}

export interface AtTerminal {
  /** Of the program. */
  readonly pid: Promise<number>;
  readonly ended: Promise<Ended>;
  /** What is told when it is stopped; undefined: it has not been. */
  stop(): Pick<Ended, 'restored'> | undefined;
  /** Everything that was sent to the terminal. */
  output(): string;
  type(keys: string): void;
  resize(rows: number, columns: number): void;
  until(what: string, condition: () => boolean): Promise<void>;
}

/** Starts the CLI at a terminal of 24 rows of 80 columns; it ends with the test. */
export function startAtTerminal(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): AtTerminal {
  const child = spawn('python3', [PTY, NODE, MAIN, ...args], { env: { TERM: 'xterm-256color', ...env } });
  t.after(() => child.stdin.end());
  let seen = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    seen += more;
  });
  const told: string[] = [];
  const lines = createInterface({ input: child.stderr }).on('line', (line) => told.push(line));
  const pid = once(lines, 'line').then(() => (JSON.parse(told[0]!) as { pid: number }).pid);
  const ended = once(child, 'close').then(() => JSON.parse(told.at(-1)!) as Ended);
  const send = (command: object) => void child.stdin.write(`${JSON.stringify(command)}\n`);
  return {
    ...{ pid, ended },
    stop: () => {
      const line = told.find((text) => text.includes('"stopped"'));
      return line === undefined ? undefined : (JSON.parse(line) as Ended);
    },
    output: () => seen,
    type: (keys) => send({ type: keys }),
    resize: (rows, columns) => send({ resize: [rows, columns] }),
    until: (what, condition) => until(what, condition, { detail: () => JSON.stringify(seen.slice(-4_000)) }),
  };
}

/** The rows of the last whole picture that was drawn from the top, without colours. */
export function shownBy(output: string): string[] {
  const pictures = output.split('\x1b[H');
  const last = pictures.findLast((picture) => picture.includes('\x1b[J')) ?? '';
  const rows = last.slice(0, last.indexOf('\x1b[J')).split(/\r+\n/);
  return rows.map((row) => row.replace(/\x1b\[[\d;]*m|\x1b\[K/g, ''));
}
