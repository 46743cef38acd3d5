// A wire that damages what is sent: one bit, once on every connection that carries enough.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';

export interface DamagingRelay {
  readonly endpoint: string;
  /** How many bits were turned. */
  readonly damaged: number;
  close(): void;
}

/** Relays to the server at `upstream`; the byte after the first `intactBytes` of each connection arrives as another one. */
export async function startDamagingRelay(upstream: string, intactBytes: number): Promise<DamagingRelay> {
  const { hostname, port } = new URL(upstream);
  let damaged = 0;
  const server = createServer((client) => {
    const behind = connect(Number(port), hostname);
    let passed = 0;
    client.on('data', (chunk: Buffer) => {
      const at = intactBytes - passed;
      passed += chunk.length;
      if (at >= 0 && at < chunk.length) {
        chunk.writeUInt8(chunk.readUInt8(at) ^ 1, at);
        damaged++;
      }
      behind.write(chunk);
    });
    behind.pipe(client);
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get damaged() {
      return damaged;
    },
    close: () => void server.close(),
  };
}
