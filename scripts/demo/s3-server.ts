// The demo's S3 server, a process of its own: fauxqs, everything in memory, on loopback. Ends with its parent.
import { buildApp } from 'fauxqs';
import './key-order.ts';

/** What the server tells its parent once it listens. */
export interface ServerReady {
  readonly endpoint: string;
}

const app = await buildApp({ logger: false });
const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
process.on('disconnect', () => process.exit());
process.send?.({ endpoint } satisfies ServerReady);
