// How far a long command has come: a bar for people at a terminal, a line every ten seconds elsewhere.
import { clock } from '../agent/clock.ts';
import type { LogFields } from '../ops/log-keys.ts';
import { Pace, type Work } from '../ops/pace.ts';
import { showBytes, showMs } from '../ops/units.ts';
import type { CommandContext } from './context.ts';

const LOOK_MS = 1_000;
const LOOKS_A_LINE = 10;

export type Edges = Pick<CommandContext, 'interactive' | 'screen' | 'log'>;
export type LogFormat = 'human' | 'json';

/** How far it has come. */
export interface Progress extends Work {
  /** All that is to be done, as far as that is known. */
  readonly total?: Work;
  /** What programs are told besides. */
  readonly more?: LogFields;
}

/** How far, how fast, how long still. */
export interface Estimate extends Progress {
  readonly perSecond: Work | undefined;
  readonly leftMs: number | undefined;
}

const NOTHING: Work = { files: 0, bytes: 0 };

/** Estimates from one look to the next. */
export class Meter {
  readonly #poll: () => Progress | undefined;
  readonly #now: () => number;
  #pace: Pace;

  /**
   * @param poll undefined: it has not begun
   * @param now monotonic milliseconds
   */
  constructor(poll: () => Progress | undefined, now: () => number = clock.now) {
    this.#poll = poll;
    this.#now = now;
    this.#pace = new Pace(now(), NOTHING);
  }

  look(): Estimate | undefined {
    const progress = this.#poll();
    if (progress === undefined) {
      this.#pace = new Pace(this.#now(), NOTHING);
      return undefined;
    }
    this.#pace.look(this.#now(), progress);
    const { files, bytes, total } = progress;
    const leftMs = total && this.#pace.leftMs({ files: total.files - files, bytes: total.bytes - bytes });
    return { ...progress, perSecond: this.#pace.perSecond, leftMs };
  }
}

/** `12 of 90 files, 1.2 GiB of 9.0 GiB, 11.0 MiB/s, 12 min 5 s left`; sizes only where there are any. */
export function showEstimate({ files, bytes, total, perSecond, leftMs }: Estimate): string {
  const of = (all: string | undefined): string => (all === undefined ? '' : ` of ${all}`);
  const hasBytes = bytes > 0 || (total?.bytes ?? 0) > 0;
  const words = [`${files}${of(total && `${total.files}`)} files`];
  if (hasBytes) words.push(`${showBytes(bytes)}${of(total && showBytes(total.bytes))}`);
  if (perSecond !== undefined)
    words.push(hasBytes ? `${showBytes(Math.round(perSecond.bytes))}/s` : `${perSecond.files.toFixed(1)} files/s`);
  if (leftMs !== undefined) words.push(`${showMs(Math.max(1_000, leftMs))} left`);
  return words.join(', ');
}

export interface LineOptions {
  readonly timer?: typeof clock.timer;
  readonly now?: () => number;
}

/** Says every ten seconds how far it has come. @returns the way to end it */
export function progressLines(
  { log }: Pick<Edges, 'log'>,
  poll: () => Progress | undefined,
  { timer = clock.timer, now = clock.now }: LineOptions = {},
): () => void {
  const meter = new Meter(poll, now);
  let looks = 0;
  const next = (): (() => void) =>
    timer(() => {
      const estimate = meter.look();
      cancel = next();
      if (++looks % LOOKS_A_LINE !== 0) return;
      if (estimate === undefined) log.info('working', { stage: 'listing' });
      else log.info('working', fieldsOf(estimate), `working: ${showEstimate(estimate)}`);
    }, LOOK_MS);
  let cancel = next();
  return () => cancel();
}

function fieldsOf({ files, bytes, total, perSecond, leftMs, more }: Estimate): LogFields {
  return {
    ...more,
    files,
    bytes,
    ...(total && { totalFiles: total.files, totalBytes: total.bytes }),
    ...(perSecond && { filesPerS: rounded(perSecond.files), bytesPerS: Math.round(perSecond.bytes) }),
    ...(leftMs !== undefined && { leftMs: Math.round(leftMs) }),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

export interface ShowOptions {
  readonly logFormat: LogFormat;
}

/** A bar once it is known how much there is, or lines. @returns the way to end it */
export async function showProgress(
  edges: Edges,
  poll: () => Progress | undefined,
  { logFormat }: ShowOptions,
): Promise<() => void> {
  if (!edges.interactive || logFormat !== 'human') return progressLines(edges, poll);
  const { progressBar } = await import('./progress-bar.ts');
  return progressBar(edges, new Meter(poll));
}
