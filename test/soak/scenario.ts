// What may befall an agent: a random sequence of it, reproducible by its seed.
import fc from 'fast-check';
import type { Effect } from '../strict-s3/faults.ts';
import { PASSING } from '../support/passing-faults.ts';
import { isInvisible, type Operation, operation } from '../support/tree-operations.ts';

/** One thing that happens. */
export type Step =
  /** Somebody changes the tree. */
  | { readonly do: 'operate'; readonly operation: Operation }
  /** A file above the multipart threshold. */
  | { readonly do: 'large'; readonly at: string; readonly extraBytes: number }
  /** Many files at once. */
  | { readonly do: 'burst'; readonly at: string; readonly files: number }
  /** The agent has this long to itself. */
  | { readonly do: 'pause'; readonly ms: number }
  /** From now on this part of all requests fails. */
  | { readonly do: 'faults'; readonly probability: number; readonly seed: number }
  /** Requests beyond so many a second are told to slow down. */
  | { readonly do: 'throttle'; readonly perSecond: number }
  /** No fault any more. */
  | { readonly do: 'calm' }
  /** The kernel's queue overflows whenever events come, or does not any more. */
  | { readonly do: 'overflow'; readonly on: boolean }
  /** The wall clock is set. */
  | { readonly do: 'clock'; readonly stepMs: number }
  /** kill -9; the agent is started again before the next step that is no operation. */
  | { readonly do: 'crash' }
  /** The agent is told to end, and does. */
  | { readonly do: 'stop' }
  /** kill -9, and the state directory is gone. */
  | { readonly do: 'lose ledger' }
  /** Faults are lifted; when everything is settled, S3 and tree are compared. */
  | { readonly do: 'compare' }
  /** The same, and a restore elsewhere must give back the tree. */
  | { readonly do: 'restore' };

const MINUTE_MS = 60_000;

/** A late execution stays well below the request timeout of the agent under test, which is what it counts on. */
export const EFFECTS: readonly Effect[] = [
  ...PASSING,
  { kind: 'late', afterMs: 700 },
  { kind: 'delay', ms: 200, at: 'commit' },
  { kind: 'delay', ms: 200, at: 'answer' },
  { kind: 'slow', bytesPerSecond: 2000 },
  { kind: 'slow-body', bytesPerSecond: 4_000_000 },
  { kind: 'error-body', code: 'InternalError' },
  { kind: 'error-body', code: 'InternalError', committed: true },
  { kind: 'status', code: 'PreconditionFailed' },
  { kind: 'status', code: 'ConditionalRequestConflict' },
];

const path = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));

const operate = operation()
  .filter((one) => !isInvisible(one))
  .map((one): Step => ({ do: 'operate', operation: one }));

const quiet: fc.WeightedArbitrary<Step>[] = [
  { weight: 60, arbitrary: operate },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('large'), at: path, extraBytes: fc.nat({ max: 6_000_000 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('burst'), at: path, files: fc.integer({ min: 20, max: 200 }) }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant('pause'), ms: fc.nat({ max: 250 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('faults'),
      probability: fc.constantFrom(0.1, 0.3, 0.6),
      seed: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('throttle'), perSecond: fc.integer({ min: 2, max: 50 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('calm') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('overflow'), on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('compare') }) },
];

const CLOCK_STEPS_MINUTES = [-20, -1, 1, 20];

const violent: fc.WeightedArbitrary<Step>[] = [
  ...quiet,
  { weight: 6, arbitrary: fc.record({ do: fc.constant('crash') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('stop') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose ledger') }) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(...CLOCK_STEPS_MINUTES)
      .map((minutes): Step => ({ do: 'clock', stepMs: minutes * MINUTE_MS })),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore') }) },
];

/** A story of its own: it begins with an empty tree and a new agent. */
export const STORM = fc.noBias(fc.array(fc.oneof(...violent), { minLength: 20, maxLength: 80, size: 'max' }));

/** A chapter in the life of one agent that nobody kills. */
export const SPELL = fc.noBias(fc.array(fc.oneof(...quiet), { minLength: 20, maxLength: 40, size: 'max' }));
