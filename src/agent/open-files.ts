// How much can be done at once with the file descriptors this process is granted.
import { readdirSync, readFileSync } from 'node:fs';
import type { Log } from '../ops/log.ts';

/** What one path in work may hold: a file, and a directory and a connection, or the connections of four parts. */
const DESCRIPTORS_PER_PATH = 5;
/** For everything else: scans, the ledger, name servers, a program that is started. */
const RESERVE = 12;

/**
 * The concurrency asked for, or what RLIMIT_NOFILE allows if that is less; at least 1. Running out of descriptors is
 * survived as well, but every path that meets it is put off and reported.
 */
export function affordableConcurrency(asked: number, log: Log): number {
  const limit = openFilesLimit();
  const free = limit - openFiles() - RESERVE;
  const affordable = Math.max(1, Math.floor(free / DESCRIPTORS_PER_PATH));
  if (affordable >= asked) return asked;
  log.warn('few files may be open at once (ulimit -n): less is done at the same time', {
    openFiles: limit,
    concurrency: affordable,
  });
  return affordable;
}

/** The soft limit; Node has raised it to the hard one. https://man7.org/linux/man-pages/man5/proc_pid_limits.5.html */
export function openFilesLimit(): number {
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

/** How many this process has open. */
export function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}
