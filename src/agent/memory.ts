// What a burst of work leaves behind: garbage that nobody collects in a process that rests, and caches.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Ledger } from '../ledger/ledger.ts';
import { loadAddon } from '../native/addon.ts';

/** Of V8's `--expose-gc`. 'last-resort' is what it does before it gives up for lack of memory: all garbage goes. */
type CollectGarbage = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

let collectGarbage: CollectGarbage | undefined;

/** Gives back all memory that is not needed to wait for events. It takes as long as a collection of all garbage. */
export function giveBackMemory(ledger: Ledger): void {
  collectGarbage ??= garbageCollector();
  ledger.shrink();
  collectGarbage({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  loadAddon().trimMemory();
}

/** A context that is made after the flag was set has it. */
function garbageCollector(): CollectGarbage {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
