// How connections are made: addresses, TLS, and what is known of those that fail.
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import tls from 'node:tls';
import { Connection } from '../../src/store/http/connection.ts';
import { Exchange } from '../../src/store/http/exchange.ts';
import { type RawRequest, startRawServer } from '../support/raw-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeCertificate, trust, trustedCertificate } from '../support/tls.ts';
import { until } from '../support/until.ts';
import { echo, get, PATIENT_MS, put, textOf, wireTo, withLength } from '../support/wire-requests.ts';

const certificate = trustedCertificate();

describe('to connect', () => {
  for (const scheme of ['http', 'https'] as const) {
    it(`a name of two addresses is reached by ${scheme} though only one of them answers`, async (t) => {
      const server = await startRawServer(t, echo, { tls: scheme === 'https' ? certificate() : undefined });
      const addresses = [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ];
      const lookup = (_name: string, _options: unknown, done: (error: null, found: typeof addresses) => void): void =>
        process.nextTick(done, null, addresses);
      t.mock.method(dns, 'lookup', lookup as never);
      const wire = wireTo(t, `${scheme}://localhost:${server.port}`);
      for (const path of ['/a', '/b']) assert.equal(textOf(await wire.send(get(path))), path);
    });
  }

  const loopbacks = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ internal, address }) => (internal && ['127.0.0.1', '::1'].includes(address) ? [address] : []));
  for (const address of loopbacks) {
    it(`${address} is reached by its number`, async (t) => {
      const server = await startRawServer(t, echo, { host: address });
      const host = address.includes(':') ? `[${address}]` : address;
      assert.equal(textOf(await wireTo(t, `http://${host}:${server.port}`).send(get('/a'))), '/a');
    });
  }

  it('S6 all that wait for a server that is not there are told that nothing was sent', async (t) => {
    const wire = wireTo(t, 'http://127.0.0.1:9');
    const sent = Array.from({ length: 20 }, () => wire.send(put('/', Buffer.from('x'))));
    await Promise.all(sent.map((one) => assert.rejects(one, { code: 'ECONNREFUSED' })));
  });

  it('S6 a server that accepts and says no more is given up: nothing was sent', async (t) => {
    const server = await startRawServer(t, () => {}, { reads: false });
    const accepted = Promise.withResolvers<void>();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const wire = wireTo(t, `https://127.0.0.1:${server.port}`);
    const sent = assert.rejects(wire.send(get('/', { onSend: () => accepted.reject(new Error('sent')) })), {
      code: 'ConnectTimeout',
    });
    const isThere = setInterval(() => server.sockets.length > 0 && accepted.resolve(), 5);
    await accepted.promise;
    clearInterval(isThere);
    t.mock.timers.tick(5_000);
    await sent;
  });

  it('a connection that fails fails nobody for whom another one is being made', async (t) => {
    const held: Socket[] = [];
    const secure = tls.createServer(certificate(), (socket) => socket.on('data', () => socket.write(withLength('x'))));
    const server = createServer((socket) => held.push(socket.on('error', () => {})));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      for (const socket of held) socket.destroy();
      server.close();
    });
    const wire = wireTo(t, `https://127.0.0.1:${(server.address() as { port: number }).port}`);
    const controller = new AbortController();
    const aborted = assert.rejects(wire.send(get('/a', { signal: controller.signal })), { name: 'AbortError' });
    await until('the first is accepted', () => held.length === 1);
    controller.abort();
    await aborted;
    const sent = wire.send(get('/b'));
    sent.catch(() => {});
    await until('the second is accepted', () => held.length === 2);
    held[0]?.resetAndDestroy();
    await once(held[0]!, 'close');
    // The end of the first reaches us before the handshake of the second does.
    await new Promise((resolve) => setImmediate(resolve));
    secure.emit('connection', held[1]);
    assert.equal(textOf(await sent), 'x');
  });

  it('S6 what the system says of a connection that was made never means that nothing was sent', async (t) => {
    const server = await startRawServer(t, () => {});
    let socket: Socket | undefined;
    const exchange = new Exchange(put('/', Buffer.from('x')));
    new Connection({
      connector: {
        connect: (onread) => {
          socket = connect({ port: server.port, host: '127.0.0.1', onread });
          return socket;
        },
        readyEvent: 'connect',
      },
      requestTimeoutMs: PATIENT_MS,
      onFree: (free) => free.take(exchange),
      onEnd: () => {},
    });
    await until('it has come', () => server.requests.length === 1);
    socket?.destroy(Object.assign(new Error('write EHOSTUNREACH'), { code: 'EHOSTUNREACH', errno: -113 }));
    await assert.rejects(exchange.answer, { code: 'ECONNRESET', message: 'write EHOSTUNREACH' });
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`S15 by ${version} a certificate of another name is refused, however often one tries`, async (t) => {
      const other = makeCertificate(tempDir(t), ['DNS:example.com']);
      trust(certificate(), other);
      const server = await startRawServer(t, echo, { tls: { ...other, minVersion: version, maxVersion: version } });
      const wire = wireTo(t, `https://127.0.0.1:${server.port}`);
      for (let n = 0; n < 3; n++) {
        await assert.rejects(wire.send(get('/')), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      }
      assert.deepEqual(server.requests, []);
    });

    it(`by ${version} a handshake goes on from the last one, unless that connection failed`, async (t) => {
      const isReused: boolean[] = [];
      const answer = (request: RawRequest): void => {
        isReused.push((request.socket as tls.TLSSocket).isSessionReused());
        if (request.path === '/reset') request.reset();
        else request.socket.end(withLength('x', 'connection: close\r\n'));
      };
      const options = { tls: { ...certificate(), minVersion: version, maxVersion: version } };
      const server = await startRawServer(t, answer, options);
      const wire = wireTo(t, `https://127.0.0.1:${server.port}`);
      await wire.send(get('/a'));
      await wire.send(get('/b'));
      await assert.rejects(wire.send(get('/reset')), { code: 'ECONNRESET' });
      await wire.send(get('/c'));
      assert.deepEqual(isReused, [false, true, true, false]);
    });
  }
});
