import type { Operation } from './operations.ts';
import type { S3Request } from './request.ts';

/** A request that came, and what became of it. */
export interface LoggedRequest {
  /** undefined for one that is no operation. */
  readonly operation: Operation | undefined;
  readonly bucket: string;
  readonly key: string;
  readonly atMs: number;
  readonly query: Readonly<Record<string, string>>;
  /** Without the signature and the session token. */
  readonly headers: Readonly<Record<string, string>>;
  /** The keys of a DeleteObjects request, once it was executed. */
  readonly keys: readonly string[];
  /** Bytes of the body that were read. */
  readonly bodyBytes: number;
  /** Whether it took effect, or would have if it were no read. */
  readonly executed: boolean;
  /** undefined until answered, and for ever if the connection was cut. */
  readonly status: number | undefined;
  /** The error code answered. */
  readonly code: string | undefined;
}

/** The server's own, changeable view of an entry. */
export type LogEntry = { -readonly [Name in keyof LoggedRequest]: LoggedRequest[Name] } & { keys: string[] };

const SECRET = new Set(['authorization', 'x-amz-security-token']);

/** A new entry for a request that has just arrived. */
export function logEntry(request: S3Request, operation: Operation | undefined, atMs: number): LogEntry {
  return {
    operation,
    bucket: request.bucket,
    key: request.key,
    atMs,
    query: Object.fromEntries(request.query),
    headers: Object.fromEntries([...request.headers].filter(([name]) => !SECRET.has(name))),
    keys: [],
    bodyBytes: 0,
    executed: false,
    status: undefined,
    code: undefined,
  };
}
