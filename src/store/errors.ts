// Pure. What went wrong with a request, named by what the caller must do about it.

/**
 * - `throttled`: the server asks for less; send fewer requests, try again.
 * - `transient`: the endpoint or the network failed; try again.
 * - `credentials`: they are missing, expired or refused as a whole; refresh, try again, fatal at start.
 * - `denied`: this key or operation is forbidden; report the path, try again rarely, go on with others.
 * - `conflict`: a condition (If-Match, If-None-Match) did not hold; look again, then decide anew.
 * - `not-found`: the object or upload is gone.
 * - `rejected`: this request can never succeed as it is; report the path.
 * - `fatal`: the bucket is missing, in another region or the endpoint is no S3; nothing can go on.
 * - `aborted`: our own signal ended it.
 */
export type Reaction =
  | 'throttled'
  | 'transient'
  | 'credentials'
  | 'denied'
  | 'conflict'
  | 'not-found'
  | 'rejected'
  | 'fatal'
  | 'aborted';

/** A failed request. The message names operation and key, never a credential or signature. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly reaction: Reaction;
  /** S3's error code, the system's errno name, or 'Unknown'. */
  readonly code: string;
  /**
   * The server may still execute the request, or already has (timeout, reset after the body was sent, garbage for an
   * answer): its effect on the key must be proven before it is believed.
   */
  readonly ambiguous: boolean;
  readonly retryAfterMs: number | undefined;
  readonly hint: string | undefined;

  constructor(
    message: string,
    options: {
      reaction: Reaction;
      code: string;
      ambiguous?: boolean;
      retryAfterMs?: number;
      hint?: string;
      cause?: unknown;
    },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reaction = options.reaction;
    this.code = options.code;
    this.ambiguous = options.ambiguous ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.hint = options.hint;
  }
}
