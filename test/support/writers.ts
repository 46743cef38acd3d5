// Programs that write while the agent runs, as processes of their own: see writers.py.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('writers.py', import.meta.url));

/** What `generations` writes at a time. */
export const PAGE_BYTES = 4096;
/** Its order: see writers.py. */
const STRIDE = 617;

export type WriterKind =
  | 'generations'
  | 'restless'
  | 'append'
  | 'rewrite'
  | 'replace'
  | 'recreate'
  | 'mapped'
  | 'halting';

/** A writer; it ends with the test. */
export class Writer {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(t: TestContext, kind: WriterKind, path: string) {
    this.process = spawn('python3', [PROGRAM, kind, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => this.process.kill('SIGKILL'));
    this.#lines = createInterface(this.process.stdout!)[Symbol.asyncIterator]();
  }

  /** Tells it a line; resolves to its answer. */
  async tell(line: string): Promise<string> {
    this.process.stdin!.write(`${line}\n`);
    return (await this.#lines.next()).value;
  }

  /** Ends one that repeats itself; resolves to how often it has written. Its file stays open until `close`. */
  async stop(): Promise<number> {
    return Number(await this.tell('stop'));
  }

  /** It ends, and with it what it holds open. */
  async close(): Promise<void> {
    if (this.process.exitCode !== null) return;
    this.process.stdin!.end();
    await once(this.process, 'exit');
  }
}

/**
 * Whether a file whose pages are overwritten one after the other in the order of writers.py, again and again, ever
 * looked like this: what is overwritten already is of one generation, the rest of the one before.
 */
export function wasAState(bytes: Buffer): boolean {
  const pages = bytes.length / PAGE_BYTES;
  const generationOf = (page: number): number =>
    Number(bytes.toString('latin1', page * PAGE_BYTES, page * PAGE_BYTES + 8));
  const inOrder = Array.from({ length: pages }, (_, k) => generationOf((k * STRIDE) % pages));
  return inOrder.every((one, k) => k === 0 || one <= inOrder[k - 1]!) && inOrder[0]! - inOrder.at(-1)! <= 1;
}
