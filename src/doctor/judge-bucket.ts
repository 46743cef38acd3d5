// Pure. What facts about a bucket and the way to it mean for an agent.
import { showBytes, showMs } from '../ops/units.ts';
import type { Pace } from './trial.ts';
import { type Answer, ok, warn } from './verdict.ts';

/** A Date has seconds, and the answer took some time. */
const TRUE_CLOCK_MS = 2_000;

/** @param aheadMs how far the server's clock is ahead of this machine's */
export function judgeClock(aheadMs: number): Answer {
  const numbers = { aheadMs: Math.round(aheadMs) };
  if (Math.abs(aheadMs) <= TRUE_CLOCK_MS) return ok("is the server's, to two seconds", numbers);
  const text = `is ${showMs(Math.abs(aheadMs))} ${aheadMs > 0 ? 'behind' : 'ahead of'} the server's: requests work all the same, times of files are compared with wrong ones`;
  return warn(text, 'set the clock of this machine (NTP)', numbers);
}

/** @param status as S3 answers */
export function judgeVersions(status: string | undefined): Answer {
  if (status === 'Enabled')
    return ok('are kept, for restore --at and checkpoints; what the checks store stays as an old version');
  if (status === 'Suspended') return ok('are not kept any more; restore --at finds those of before');
  return ok('are not kept; restore --at and checkpoints need them');
}

/** @param days after which uploads in parts are aborted; undefined: never */
export function judgeLifecycle(days: number | undefined): Answer {
  if (days !== undefined) return ok(`aborts incomplete uploads in parts after ${days} days`, { days });
  const text = 'has no rule that aborts incomplete uploads in parts: a crash can leave some, which cost money';
  return warn(text, 'add one with AbortIncompleteMultipartUpload of some days, more than the longest upload takes');
}

/** @param latenciesMs of single requests; at least one */
export function judgeLatency(latenciesMs: readonly number[]): Answer {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const latencyMs = sorted[Math.floor(sorted.length / 2)]!;
  const shown = latencyMs < 1 ? 'less than 1 ms' : showMs(latencyMs);
  return ok(`a request takes ${shown} (HeadObject, median of ${sorted.length})`, {
    latencyMs: Math.round(latencyMs * 10) / 10,
  });
}

const GIB = 1024 ** 3;

/** A rough estimate: one object, one part at a time. */
export function judgeThroughput(up: Pace, down: Pace): Answer {
  const perSecond = ({ bytes, ms }: Pace): number => Math.round((bytes * 1_000) / Math.max(ms, 1));
  const [upload, download] = [perSecond(up), perSecond(down)];
  const text =
    `${showBytes(upload)}/s up, ${showBytes(download)}/s down on one connection: ` +
    `1 GiB takes about ${showMs((GIB * 1_000) / upload)} up, ${showMs((GIB * 1_000) / download)} down`;
  return ok(text, { uploadBytesPerSecond: upload, downloadBytesPerSecond: download });
}
