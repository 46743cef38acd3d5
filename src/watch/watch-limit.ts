// How many directories may be watched, and what to tell an operator whose machine has too few inotify watches.
import { readFileSync } from 'node:fs';

/** How many this user may have; null: the kernel does not tell. See inotify(7). */
export function watchLimit(): number | null {
  try {
    return Number(readFileSync('/proc/sys/fs/inotify/max_user_watches', 'utf8'));
  } catch {
    return null;
  }
}

/** A container's default is rarely more than this; below it there is no point in being precise. */
const LEAST_ADVICE = 65_536;

/**
 * One line about the watch limit.
 * @param watches held now
 * @param needed directories known so far, watched or not; more may come to light
 */
export function watchLimitWarning(watches: number, needed: number): string {
  const advice = Math.max(LEAST_ADVICE, 2 ** Math.ceil(Math.log2(2 * needed)));
  return (
    `The limit of inotify watches is reached: ${watches} are held, at least ${needed} are needed. Directories without one ` +
    `are polled, so changes there are seen later. Raise the limit on the node: sysctl fs.inotify.max_user_watches=${advice} ` +
    '(the containers of one user share it)'
  );
}
