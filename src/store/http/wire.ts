// HTTP/1.1 with one server, and which way to it is taken.
import { DirectWire } from './direct-wire.ts';
import type { SendOptions, WireAnswer, WireRequest } from './messages.ts';
import { hasProxy, type Proxies } from './proxies.ts';

/** Connections that are kept: one request at a time on each, as many as callers have in flight. */
export interface Wire {
  /** Sends once; rejects with what `classify` can read, with what `onSend` or `onHead` threw, or the signal's reason. */
  send(request: WireRequest, options?: SendOptions): Promise<WireAnswer>;
  close(): void;
}

export interface WireOptions {
  /** A request that makes no progress for so long fails. */
  readonly requestTimeoutMs: number;
  readonly proxies: Proxies;
}

/** Connects to a server when there is something to send. */
export async function openWire(origin: string, { requestTimeoutMs, proxies }: WireOptions): Promise<Wire> {
  if (!hasProxy(proxies, origin)) return new DirectWire(origin, { requestTimeoutMs });
  const { openProxiedWire } = await import('./proxied-wire.ts');
  return openProxiedWire(origin, { requestTimeoutMs, proxies });
}
