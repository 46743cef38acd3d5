// The system calls of a program, counted from outside: exact where a clock would depend on what else the machine does.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempDir } from './temp-dir.ts';

/** What a program and all it started asked of the kernel. */
export interface Calls {
  /** open(2) in all its forms. */
  readonly open: number;
  /** stat(2) in all its forms. */
  readonly look: number;
  /** getdents(2). */
  readonly list: number;
  /** fsync(2) and fdatasync(2). */
  readonly sync: number;
  /** What reads or changes extended attributes: xattr(7). */
  readonly xattr: number;
  /** All system calls, those above included. */
  readonly all: number;
  /** Calls that read files beneath the directory that is looked at, and the bytes they brought. */
  readonly readsBeneath: number;
  readonly bytesBeneath: number;
}

export interface CallCounter {
  /** The program and its arguments that a command line is to follow, for one run. */
  readonly within: readonly string[];
  /** What that run took, when it has ended. */
  calls(): Calls;
}

/** Compiles the counter. @param directory whose files' reads are told apart; without symbolic links */
export function countCalls(t: TestContext, directory: string): CallCounter {
  const place = tempDir(t);
  const [program, result] = [join(place, 'count-calls'), join(place, 'calls')];
  const source = fileURLToPath(new URL('count-calls.c', import.meta.url));
  execFileSync(process.env['CC'] ?? 'cc', ['-O1', '-o', program, source]);
  return {
    within: [program, result, directory],
    calls() {
      const counts: Record<string, number> = {};
      for (const [, kind, count] of readFileSync(result, 'utf8').matchAll(/^(\w+) (\d+)$/gm)) {
        counts[kind!] = (counts[kind!] ?? 0) + Number(count);
      }
      return counts as unknown as Calls;
    },
  };
}

/** By how much each count is greater. */
export function difference(more: Calls, less: Calls): Calls {
  const entries = Object.entries(more).map(([kind, count]) => [kind, count - less[kind as keyof Calls]]);
  return Object.fromEntries(entries) as Calls;
}
