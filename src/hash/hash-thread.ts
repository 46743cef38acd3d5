// What a hash thread runs, and what is said to it.
import type { MessagePort } from 'node:worker_threads';

export type Algorithm = 'md5' | 'sha256';

/** Answered by a `Done` of the same id, one after the other. */
export type Task =
  | { readonly id: number; readonly do: 'hash'; readonly algorithm: Algorithm; readonly bytes: Uint8Array }
  | { readonly id: number; readonly do: 'start'; readonly running: number; readonly algorithm: Algorithm }
  | { readonly id: number; readonly do: 'update'; readonly running: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly do: 'digest'; readonly running: number }
  | { readonly id: number; readonly do: 'discard'; readonly running: number };

export interface Done {
  readonly id: number;
  /** In hex; '' where none was asked for. */
  readonly digest: string;
}

/**
 * The whole program of a hash thread. It is handed over as text, so that a program of one file has its threads in that
 * file; therefore it may use nothing but its parameter.
 */
export function hashThread(require: NodeJS.Require): void {
  const { createHash, hash } = require('node:crypto') as typeof import('node:crypto');
  const { parentPort } = require('node:worker_threads') as typeof import('node:worker_threads');
  const port = parentPort as MessagePort;
  const running = new Map<number, import('node:crypto').Hash>();
  const perform = (task: Task): string => {
    switch (task.do) {
      case 'hash':
        return hash(task.algorithm, task.bytes);
      case 'start':
        running.set(task.running, createHash(task.algorithm));
        return '';
      case 'update':
        running.get(task.running)!.update(task.bytes);
        return '';
      case 'digest': {
        const digest = running.get(task.running)!.digest('hex');
        running.delete(task.running);
        return digest;
      }
      case 'discard':
        running.delete(task.running);
        return '';
    }
  };
  port.on('message', (task: Task) => {
    port.postMessage({ id: task.id, digest: perform(task) } satisfies Done);
  });
}
