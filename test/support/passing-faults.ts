import type { Effect } from '../strict-s3/faults.ts';

/** What a repetition cures, by itself and soon. */
export const PASSING: readonly Effect[] = [
  { kind: 'status', code: 'InternalError' },
  { kind: 'status', code: 'InternalError', at: 'answer' },
  { kind: 'status', code: 'SlowDown' },
  { kind: 'status', code: 'ServiceUnavailable', status: 503 },
  { kind: 'status', code: 'SlowDown', retryAfterS: 0 },
  { kind: 'status', code: 'RequestTimeout' },
  { kind: 'status', code: 'ExpiredToken' },
  { kind: 'status', code: 'RequestTimeTooSkewed' },
  { kind: 'status', code: 'OperationAborted' },
  { kind: 'reset' },
  { kind: 'reset', at: 'body' },
  { kind: 'reset', at: 'commit' },
  { kind: 'reset', at: 'answer' },
  { kind: 'hang' },
  { kind: 'hang', at: 'answer' },
  { kind: 'late', afterMs: 100 },
  { kind: 'garbage' },
  { kind: 'truncate' },
];
