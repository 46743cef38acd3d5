import type { VerifiedBody } from './body.ts';
import type { S3Request } from './request.ts';
import type { Service } from './state.ts';
import { s3Document, type XmlNode } from './xml.ts';

/** What an operation gets. */
export interface Call {
  readonly service: Service;
  readonly request: S3Request;
  readonly body: VerifiedBody;
  readonly nowMs: number;
  /** Whether a fault denies this key of a DeleteObjects request, and with which code. */
  readonly deniedKey: (key: string) => string | undefined;
}

/** What an operation answers. The body of a HEAD is measured and not sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Operations are synchronous, so each is atomic, as S3's are for one key. */
export type Handler = (call: Call) => Answer;

const NOTHING = Buffer.alloc(0);

/** An answer without a body. */
export function emptyAnswer(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers, body: NOTHING };
}

/** A successful answer in XML. */
export function xmlAnswer(
  name: string,
  children: readonly XmlNode[],
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml', ...headers },
    body: Buffer.from(s3Document(name, children)),
  };
}

/** An ETag as headers and XML carry it. */
export function quoted(etag: string): string {
  return `"${etag}"`;
}

/** S3 keeps whole seconds. */
export function isoSeconds(timeMs: number): string {
  return new Date(Math.floor(timeMs / 1000) * 1000).toISOString();
}
