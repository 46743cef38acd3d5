// Connections to servers that misbehave: what a request is answered, and what becomes of the connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import type { DirectWire } from '../../src/store/http/direct-wire.ts';
import type { WireRequest } from '../../src/store/http/messages.ts';
import { MIB } from '../contract/ground.ts';
import { type RawRequest, type RawServer, type RawServerOptions, startRawServer } from '../support/raw-server.ts';
import { trustedCertificate } from '../support/tls.ts';
import { until } from '../support/until.ts';
import { echo, get, NO_LENGTH, put, streamOf, textOf, wireTo, withLength } from '../support/wire-requests.ts';

const certificate = trustedCertificate();

for (const scheme of ['http', 'https'] as const) {
  describe(`by ${scheme}`, () => {
    const start = async (
      t: TestContext,
      answer: (request: RawRequest) => void,
      options: RawServerOptions & { readonly requestTimeoutMs?: number } = {},
    ): Promise<{ readonly server: RawServer; readonly wire: DirectWire }> => {
      const server = await startRawServer(t, answer, {
        tls: scheme === 'https' ? certificate() : undefined,
        ...options,
      });
      return { server, wire: wireTo(t, `${scheme}://127.0.0.1:${server.port}`, options.requestTimeoutMs) };
    };

    it('S6 requests one after the other go over one connection, those at once over one each; each has its own answer', async (t) => {
      const waiting: RawRequest[] = [];
      const { server, wire } = await start(t, (request) => {
        if (request.path < '/c') echo(request);
        else if (waiting.push(request) === 3) for (const one of waiting.reverse()) echo(one);
      });
      for (const path of ['/a', '/b']) assert.equal(textOf(await wire.send(get(path))), path);
      const paths = ['/c', '/d', '/e'];
      assert.deepEqual((await Promise.all(paths.map((path) => wire.send(get(path))))).map(textOf), paths);
      assert.deepEqual(server.requests.slice(0, 3), ['0 /a', '0 /b', '0 /c']);
      assert.equal(server.sockets.length, 3);
    });

    it('announcements before an answer are not the answer, and a HEAD has no body whatever it tells', async (t) => {
      const { server, wire } = await start(t, ({ socket, method, path }) => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n');
        socket.write(withLength(method === 'HEAD' ? '' : path).replace('length: 0', 'length: 70'));
      });
      const head = await wire.send(get('/a', { method: 'HEAD' }));
      assert.deepEqual([head.status, head.headers['content-length'], textOf(head)], [200, '70', '']);
      assert.equal(textOf(await wire.send(get('/b'))), '/b');
      assert.equal(server.sockets.length, 1);
    });

    it('S6 a connection that the server will not keep is not used again', async (t) => {
      const { server, wire } = await start(t, ({ socket, path }) => {
        const [, version, header] = path.split('/') as [string, string, string];
        const told = header === '' ? '' : `${header.replace(':', ': ')}\r\n`;
        socket.write(withLength('x', told).replace('HTTP/1.1', `HTTP/${version}`));
      });
      const paths = ['/1.1/connection:close', '/1.0/', '/1.1/keep-alive:timeout=1', '/1.1/', '/1.1/'];
      for (const path of paths) assert.equal(textOf(await wire.send(get(path))), 'x');
      assert.deepEqual(
        server.requests.map((request) => Number(request[0])),
        [0, 1, 2, 3, 3],
      );
    });

    it('S9 an answer without a length ends where the server ends the connection', async (t) => {
      const { server, wire } = await start(t, ({ socket, path }) => socket.end(NO_LENGTH + path));
      assert.equal(textOf(await wire.send(get('/a'))), '/a');
      assert.equal((await buffer(await streamOf(wire.send(get('/b'), { stream: true })))).toString(), '/b');
      assert.equal(server.sockets.length, 2);
    });

    it('S9 an answer without a length is not whole if the connection is reset, or closed by us', async (t) => {
      const { server, wire } = await start(t, ({ socket }) => socket.write(`${NO_LENGTH}half`));
      const reset = await streamOf(wire.send(get('/a'), { stream: true }));
      await once(reset, 'readable');
      server.reset(server.sockets[0]!);
      await assert.rejects(buffer(reset), { code: 'ECONNRESET' });

      const begun = Promise.withResolvers<void>();
      const cut = assert.rejects(wire.send(get('/b', { onHead: () => begun.resolve() })), { code: 'ECONNRESET' });
      await begun.promise;
      wire.close();
      await cut;
    });

    it('S9 an answer that ends before its length fails', async (t) => {
      const { wire } = await start(t, ({ socket, path }) => {
        const chunked = path === '/chunked';
        socket.end(
          chunked
            ? 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'
            : withLength('half').slice(0, -1),
        );
      });
      for (const path of ['/chunked', '/length']) {
        await assert.rejects(wire.send(get(path)), { code: 'ECONNRESET' });
        await assert.rejects(buffer(await streamOf(wire.send(get(path), { stream: true }))), { code: 'ECONNRESET' });
      }
    });

    it('S9 a body that fails before anybody reads it fails whoever reads it then', async (t) => {
      const { server, wire } = await start(t, ({ socket }) => socket.write(withLength('x'.repeat(99)).slice(0, -1)));
      const body = await streamOf(wire.send(get('/'), { stream: true }));
      server.sockets[0]?.destroy();
      await until('it has failed', () => body.closed);
      await assert.rejects(buffer(body), { code: 'ECONNRESET' });
    });

    it('a connection is fit for the next answer however late the last was read', async (t) => {
      const { server, wire } = await start(
        t,
        ({ socket, path }) => socket.write(withLength('x'.repeat(Number(path.slice(1))))),
        {
          requestTimeoutMs: 2_000,
        },
      );
      // More than its stream takes at once, and the rest of it in the same read from the network.
      for (const bytes of [90_000, 100_000, 120_000, 150_000]) {
        const body = await streamOf(wire.send(get(`/${bytes}`), { stream: true }));
        await until('it is full', () => body.readableLength >= 65_536);
        assert.equal((await buffer(body)).length, bytes);
      }
      assert.equal(server.sockets.length, 1);
    });

    it('of a large body only a little is in memory until it is read', async (t) => {
      const sizeBytes = 32 * MIB;
      const { wire } = await start(t, (request) => {
        if (request.path !== '/large') return echo(request);
        request.socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${sizeBytes}\r\n\r\n`);
        request.socket.write(Buffer.alloc(sizeBytes));
      });
      const body = await streamOf(wire.send(get('/large'), { stream: true }));
      // While others come and go.
      for (let n = 0; n < 100; n++) await wire.send(get('/small'));
      assert.ok(body.readableLength <= MIB, `${body.readableLength} bytes wait`);
      let received = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        received += chunk.length;
        assert.ok(body.readableLength + chunk.length <= MIB, `${body.readableLength} bytes wait`);
      }
      assert.equal(received, sizeBytes);
    });

    it('a large body that is taken slowly is no timeout as long as it moves', { timeout: 60_000 }, async (t) => {
      const sizeBytes = 24 * MIB;
      const { server, wire } = await start(t, () => {}, { reads: false, requestTimeoutMs: 1_000 });
      const sent = wire.send(put('/', Buffer.alloc(sizeBytes)));
      sent.catch(() => {});
      await until('it is accepted', () => server.sockets.length === 1);
      const socket = server.sockets[0]!;
      let taken = 0;
      // The whole takes several timeouts, and no piece of it a large part of one.
      const taking = setInterval(() => {
        taken += (socket.read() as Buffer | null)?.length ?? 0;
        if (taken >= sizeBytes) socket.write(withLength('taken'));
      }, 10);
      t.after(() => clearInterval(taking));
      socket.on('readable', () => {});
      assert.equal(textOf(await sent), 'taken');
    });

    it('S6 an answer before the body is sent is the answer, and nothing more goes over that connection', async (t) => {
      const early = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno';
      const { server, wire } = await start(t, ({ socket }) => socket.write(early), { early: true });
      for (let n = 0; n < 2; n++) {
        const answer = await wire.send(put('/', Buffer.alloc(32 * MIB)));
        assert.deepEqual([answer.status, textOf(answer)], [403, 'no']);
      }
      assert.deepEqual(server.requests, ['0 /', '1 /']);
    });

    it('S6 an answer with a reset behind it is that answer or an outcome nobody knows', async (t) => {
      const early = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno';
      const { wire } = await start(t, ({ socket, reset }) => socket.write(early, reset), {
        early: true,
      });
      for (let n = 0; n < 5; n++) {
        const outcome = await wire.send(put('/', Buffer.alloc(4 * MIB))).then(
          ({ status }) => status,
          ({ code }) => code,
        );
        assert.ok(outcome === 403 || outcome === 'ECONNRESET', String(outcome));
      }
    });

    it('S6 what nobody asked for is nobody\u2019s answer', async (t) => {
      const { server, wire } = await start(t, echo);
      assert.equal(textOf(await wire.send(get('/a'))), '/a');
      server.sockets[0]?.write(withLength('unasked'));
      await once(server.sockets[0]!, 'close');
      assert.equal(textOf(await wire.send(get('/b'))), '/b');
      assert.deepEqual(server.requests, ['0 /a', '1 /b']);
    });

    it('S9 a body that does not fit where it is to be put fails', async (t) => {
      const { wire } = await start(t, ({ socket }) =>
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nlarge\r\n0\r\n\r\n'),
      );
      await assert.rejects(wire.send(get('/', { into: Buffer.alloc(4) })), { code: 'MalformedAnswer' });
      assert.equal(textOf(await wire.send(get('/', { into: Buffer.alloc(9) }))), 'large');
    });

    it('an abort before it is sent connects to nobody and sends nothing', async (t) => {
      const { server, wire } = await start(t, echo);
      const reason = new Error('stop');
      await assert.rejects(wire.send(get('/a', { signal: AbortSignal.abort(reason) })), reason);
      assert.equal(textOf(await wire.send(get('/b'))), '/b');
      const controller = new AbortController();
      const onSend = () => controller.abort(reason);
      await assert.rejects(wire.send(get('/c', { signal: controller.signal, onSend })), reason);
      assert.equal(textOf(await wire.send(get('/d'))), '/d');
      assert.deepEqual(server.requests, ['0 /b', '0 /d']);
      assert.equal(server.sockets.length, 1);
    });

    it('an abort on the way closes the connection, one after the end does not', async (t) => {
      const { server, wire } = await start(t, ({ socket, path }) => {
        if (path === '/body') socket.write(withLength('xx').slice(0, -1));
        else if (path !== '/none') socket.write(withLength(path));
      });
      const reason = new Error('stop');
      const before = new AbortController();
      const sent = assert.rejects(wire.send(get('/none', { signal: before.signal })), reason);
      await until('it has come', () => server.requests.length === 1);
      before.abort(reason);
      await sent;
      await until('it is closed', () => server.sockets[0]!.destroyed);

      const within = new AbortController();
      const body = await streamOf(wire.send(get('/body', { signal: within.signal }), { stream: true }));
      within.abort(reason);
      await assert.rejects(buffer(body), reason);
      await until('it is closed', () => server.sockets[1]!.destroyed);

      const late = new AbortController();
      await wire.send(get('/a', { signal: late.signal }));
      late.abort(reason);
      assert.equal(textOf(await wire.send(get('/b'))), '/b');
      assert.deepEqual(server.requests.slice(2), ['2 /a', '2 /b']);
    });

    it('close() ends what is on its way, what waits and what is asked later', async (t) => {
      const { server, wire } = await start(t, () => {});
      const sent: Promise<void>[] = [];
      const send = (request: WireRequest) => sent.push(assert.rejects(wire.send(request), { code: 'ECONNRESET' }));
      send(get('/a'));
      send(put('/b', Buffer.alloc(8 * MIB)));
      await until('both have come', () => server.requests.length === 2);
      send(get('/c'));
      wire.close();
      send(get('/d'));
      await Promise.all(sent);
      await until('all are closed', () => server.sockets.every(({ destroyed }) => destroyed));
      assert.equal(server.requests.length, 2);
    });
  });
}
