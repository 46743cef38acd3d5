// Sockets to one server, plain or with TLS.
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';

export interface Connector {
  /** Begins to connect. */
  connect(onread: OnReadOpts): Socket;
  /** What tells that a socket can be written to. */
  readonly readyEvent: 'connect' | 'secureConnect';
}

/** Half of what TLS needs of Node is loaded only where it is spoken. */
export async function connectorTo(origin: URL): Promise<Connector> {
  const host = origin.hostname.replace(/^\[(.*)\]$/, '$1');
  const common = { host, noDelay: true, keepAlive: true } as const;
  if (origin.protocol !== 'https:') {
    const plain = { ...common, port: Number(origin.port || 80) };
    return { connect: (onread) => connect({ ...plain, onread }), readyEvent: 'connect' };
  }
  const tls = await import('node:tls');
  const port = Number(origin.port || 443);
  const secure = { ...common, port, servername: isIP(host) ? '' : host, ALPNProtocols: ['http/1.1'] };
  // The next handshake is shorter if it goes on from the last one.
  let last: { readonly session?: Buffer } = {};
  return {
    connect: (onread) => {
      const options = { ...secure, ...last, onread };
      const socket = tls.connect(options);
      socket.on('session', (session) => {
        last = { session };
      });
      // It may have failed for what it went on from.
      return socket.once('error', () => {
        last = {};
      });
    },
    readyEvent: 'secureConnect',
  };
}
