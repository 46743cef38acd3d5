// What process 1 owes its adopted children.
import { loadAddon } from '../native/addon.ts';

/**
 * Reaps the zombies this process inherited, leaving alone the children that Node itself waits for. A zombie of Node's
 * hides the ones behind it, so call this on every SIGCHLD and once more after a child of Node's has exited.
 *
 * @param known the pids of all children spawned through node:child_process that have not been reported as exited
 * @returns the pids that were reaped
 */
export function reapOrphans(known: readonly number[]): number[] {
  return loadAddon().reapOrphans(Int32Array.from(known));
}
