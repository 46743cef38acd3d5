// Pure. How long to wait before trying again.

/** A number in [0, 1). */
export type Random = () => number;

const BASE_MS = 100;
const CAP_MS = 20_000;

/**
 * Exponential backoff with full jitter: anywhere between 0 and min(20 s, 100 ms * 2^(attempt-1)).
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 * @param attempt failures so far, from 1
 */
export function backoffMs(attempt: number, random: Random): number {
  return Math.round(random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt - 1, 30)));
}
