// How many directories may be watched, and what to tell an operator whose machine has too few inotify watches.
import { readFileSync } from 'node:fs';

/** Where a user's limit stands: see inotify(7), and namespaces(7) for that of a user namespace. */
const LIMITS = {
  watches: ['fs/inotify/max_user_watches', 'user/max_inotify_watches'],
  instances: ['fs/inotify/max_user_instances', 'user/max_inotify_instances'],
  queuedEvents: ['fs/inotify/max_queued_events'],
} as const;

/** How many this user may have; null: the kernel does not tell. */
export function inotifyLimit(what: keyof typeof LIMITS): number | null {
  const limits = LIMITS[what].flatMap((name) => sysctl(name) ?? []);
  return limits.length === 0 ? null : Math.min(...limits);
}

function sysctl(name: string): number | null {
  try {
    return Number(readFileSync(`/proc/sys/${name}`, 'utf8'));
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
  return (
    `The limit of inotify watches is reached: ${watches} are held, at least ${needed} are needed. Directories without one ` +
    `are polled, so changes there are seen later. Raise the limit on the node: ${watchLimitRemedy(needed)}`
  );
}

/** What to type, and what to know of it, for so many directories. */
export function watchLimitRemedy(needed: number): string {
  const advice = Math.max(LEAST_ADVICE, 2 ** Math.ceil(Math.log2(2 * needed)));
  return `sysctl fs.inotify.max_user_watches=${advice} (the containers of one user share it)`;
}
