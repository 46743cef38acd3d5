// The demo's S3 server, a process of its own: fauxqs, everything in memory, on loopback. Ends with its parent.
import { buildApp } from 'fauxqs';

/** What the server tells its parent once it listens. */
export interface ServerReady {
  readonly endpoint: string;
}

// S3 lists keys in the order of their bytes. fauxqs sorts them as words of a language ("a", "B", "c") but cuts its pages
// by code units, and so drops keys between two pages. One order for both; this process sorts nothing else.
Object.defineProperty(String.prototype, 'localeCompare', {
  value(this: string, other: string): number {
    return this < other ? -1 : Number(this > other);
  },
});

const app = await buildApp({ logger: false });
const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
process.on('disconnect', () => process.exit());
process.send?.({ endpoint } satisfies ServerReady);
