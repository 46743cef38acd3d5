// Pure. What is sent over a wire, and what is answered.
import type { Readable } from 'node:stream';

/** Names are lower case. */
export type Header = readonly [name: string, value: string];

/** The header, if there is a value. */
export function given(name: string, value: string | undefined): Header[] {
  return value === undefined ? [] : [[name, value]];
}

export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST';
  /** With the query. */
  readonly path: string;
  /** `host` is among them, the length of the body is not. */
  readonly headers: readonly Header[];
  readonly body?: Buffer | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called at the last moment before it is written; may throw to hold it back. */
  readonly onSend?: (() => void) | undefined;
  /** Called when a 2xx answer begins; may throw to refuse its body. */
  readonly onHead?: ((head: Omit<WireAnswer, 'body'>) => void) | undefined;
  /** Where the body of a 2xx answer is put; `onHead` makes sure that it fits. */
  readonly into?: Buffer | undefined;
}

export interface WireAnswer {
  readonly status: number;
  /** Names are lower case; those that came more than once are joined, as HTTP allows. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; a stream if it was asked for and the status is 2xx. */
  readonly body: Buffer | Readable;
}

export interface SendOptions {
  /** The body of a 2xx answer is a stream, which the caller consumes or destroys. Default: false. */
  readonly stream?: boolean;
}
