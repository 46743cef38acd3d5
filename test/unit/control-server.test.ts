import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { OperatorError } from '../../src/model/errors.ts';
import { type AgentStatus, type ControlledAgent, type FlushReport, UnavailableError } from '../../src/ops/control.ts';
import { askAgent } from '../../src/ops/control-client.ts';
import { agentSite } from '../../src/ops/control-routes.ts';
import { type ControlServer, listenInDirectory, listenOnTcp } from '../../src/ops/control-server.ts';
import { openSocketWay } from '../../src/ops/control-socket.ts';
import { keptLog } from '../support/agent.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/until.ts';

const STATUS = { local: '/data', pid: 1 } as AgentStatus;
const COMPLETE: FlushReport = { complete: true, ms: 1, missing: { count: 0, first: [] } };
const TOKEN = 'a token of many letters'.replaceAll(' ', '-');

/** An agent that does what is asked, as `overrides` say. */
function agentThat(overrides: Partial<ControlledAgent> = {}): ControlledAgent {
  return {
    status: () => STATUS,
    measurements: () => assert.fail('nobody asks'),
    activity: () => assert.fail('nobody asks'),
    process: () => assert.fail('nobody asks'),
    sync: () => {},
    flush: async () => COMPLETE,
    approveDeletes: () => ({ approved: 3 }),
    ...overrides,
  };
}

type Tcp = ControlServer & { readonly port: number };

interface Socket {
  readonly directory: string;
  readonly server: ControlServer;
}

async function onSocket(t: TestContext, overrides?: Partial<ControlledAgent>, directory = tempDir(t)): Promise<Socket> {
  const server = await listenInDirectory(directory, {
    site: agentSite(agentThat(overrides)),
    log: await keptLog([]),
    redact: (text) => text,
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= server.close();
    return closed;
  };
  t.after(close);
  return { directory, server: { close } };
}

async function onTcp(
  t: TestContext,
  options: { token?: () => string; requestMs?: number; overrides?: Partial<ControlledAgent> } = {},
): Promise<Tcp> {
  const { token, overrides, ...rest } = options;
  const log = await keptLog([]);
  const server = await listenOnTcp({
    site: agentSite(agentThat(overrides)),
    log,
    redact: (text) => text,
    host: '127.0.0.1',
    port: 0,
    token,
    ...rest,
  });
  t.after(() => server.close());
  return server;
}

interface Said {
  readonly code: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

function ask(port: number, path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      text(response)
        .then((said) => resolve({ code: response.statusCode!, body: JSON.parse(said), headers: response.headers }))
        .catch(reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Everything the server says to these bytes until it ends the connection. */
function say(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return text(socket);
}

const post = (path: string) => ({ method: 'POST', path, timeoutMs: 20_000 }) as const;
const get = (path: string) => ({ method: 'GET', path, timeoutMs: 20_000 }) as const;

test('over its socket an agent is asked and steered', async (t) => {
  const { directory } = await onSocket(t);
  assert.deepEqual(await askAgent(directory, get('/status')), { code: 200, body: STATUS });
  assert.deepEqual(await askAgent(directory, post('/flush?timeout=1.5')), { code: 200, body: COMPLETE });
  assert.deepEqual(await askAgent(directory, post('/approve-deletes')), { code: 200, body: { approved: 3 } });
});

test('what an agent refuses, cannot yet do, or fails at is said with a code of its own', async (t) => {
  const incomplete = { complete: false, ms: 5, missing: { count: 1, first: [] } };
  const { directory } = await onSocket(t, {
    status: () => assert.fail('a defect'),
    flush: async () => incomplete,
    approveDeletes: () => ({ refused: 'LOCAL is gone' }),
  });
  assert.deepEqual(await askAgent(directory, post('/flush')), { code: 503, body: incomplete });
  assert.deepEqual(await askAgent(directory, post('/approve-deletes')), {
    code: 409,
    body: { error: 'LOCAL is gone' },
  });
  assert.equal((await askAgent(directory, get('/status')))?.code, 500);
  const early = await onSocket(t, {
    flush: async () => {
      throw new UnavailableError('it restores');
    },
  });
  assert.deepEqual(await askAgent(early.directory, post('/flush')), { code: 503, body: { error: 'it restores' } });
});

test('a secret that an agent quotes is blotted out, whether it answers or refuses to', async (t) => {
  const directory = tempDir(t);
  const agent = agentThat({
    approveDeletes: () => ({ refused: 'the server said hunter2' }),
    sync: () => {
      throw new UnavailableError('the server said hunter2');
    },
  });
  const server = await listenInDirectory(directory, {
    site: agentSite(agent),
    log: await keptLog([]),
    redact: (text) => text.replace('hunter2', '***'),
  });
  t.after(() => server.close());
  const body = { error: 'the server said ***' };
  assert.deepEqual(await askAgent(directory, post('/approve-deletes')), { code: 409, body });
  assert.deepEqual(await askAgent(directory, post('/sync')), { code: 503, body });
});

test('S15 the socket is for its user alone, replaces that of a killed agent, and its path may be long', async (t) => {
  let directory = tempDir(t);
  for (let depth = 0; depth < 5; depth++) directory = join(directory, `a long name of a directory ${depth}`.repeat(2));
  mkdirSync(directory, { recursive: true });
  assert(Buffer.byteLength(directory) > 200);
  writeFileSync(join(directory, 'control.sock'), 'stale');
  chmodSync(join(directory, 'control.sock'), 0o666);
  await onSocket(t, {}, directory);
  assert.equal(statSync(join(directory, 'control.sock')).mode & 0o777, 0o600);
  assert.equal((await askAgent(directory, get('/status')))?.code, 200);
});

test('nobody is running: no directory, no socket, or one that nobody listens at', async (t) => {
  const { directory, server } = await onSocket(t);
  await server.close();
  assert.equal(await askAgent(directory, get('/status')), undefined);
  assert.equal(await askAgent(join(directory, 'none'), get('/status')), undefined);
  writeFileSync(join(directory, 'control.sock'), '');
  assert.equal(await askAgent(directory, get('/status')), undefined);
});

test('an agent that does not answer is not waited for without end', async (t) => {
  const directory = tempDir(t);
  const mute = createServer();
  const way = openSocketWay(directory);
  await new Promise<void>((resolve) => mute.listen(way.path, resolve));
  t.after(() => {
    mute.close();
    way.close();
  });
  mute.on('connection', (socket) => t.after(() => socket.destroy()));
  await assert.rejects(
    askAgent(directory, { ...get('/status'), timeoutMs: 50 }),
    (error) => error instanceof OperatorError && /has not answered for 1 s/.test(error.message),
  );
});

test('requests that are not exactly right are refused in one line of JSON', async (t) => {
  const { port } = await onTcp(t, { token: () => TOKEN });
  const authorization = `Bearer ${TOKEN}`;
  const rows: [path: string, asked: Asked, code: number][] = [
    ['//', {}, 404],
    ['//status', {}, 404],
    ['/index.html', {}, 404],
    ['/?x=1', {}, 400],
    ['/', { method: 'POST' }, 405],
    ['/status/', {}, 404],
    ['/toString', {}, 404],
    ['/status', { method: 'POST' }, 405],
    ['/status', { method: 'HEAD' }, 405],
    ['/flush', { headers: { authorization } }, 405],
    ['/status?x=1', {}, 400],
    ['/flush?timeout=-1', { method: 'POST', headers: { authorization } }, 400],
    ['/flush?timeout=1e9', { method: 'POST', headers: { authorization } }, 400],
    ['/flush?timeout=100000', { method: 'POST', headers: { authorization } }, 400],
    ['/flush', { method: 'POST', headers: { authorization }, body: '{}' }, 413],
    ['/flush', { method: 'POST', headers: { authorization, 'transfer-encoding': 'chunked' }, body: '{}' }, 413],
  ];
  for (const [path, asked, code] of rows) {
    if (asked.method === 'HEAD') {
      assert.match(await say(port, `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`), /^HTTP\/1\.1 405 /);
      continue;
    }
    const said = await ask(port, path, asked);
    assert.equal(said.code, code, `${asked.method ?? 'GET'} ${path}`);
    assert.deepEqual(Object.keys(said.body as object), ['error'], path);
  }
  assert.equal((await ask(port, '/status', { method: 'DELETE' })).headers['allow'], 'GET');
});

test('S15 over TCP everybody may ask, who has the token may flush, and nobody may approve deletes', async (t) => {
  let token = TOKEN;
  const controlled = await onTcp(t, { token: () => token });
  const readOnly = await onTcp(t);
  const codeOf = async ({ port }: Tcp, path: string, authorization?: string) =>
    (
      await ask(port, path, {
        method: path === '/status' ? 'GET' : 'POST',
        headers: authorization ? { authorization } : {},
      })
    ).code;
  assert.equal(await codeOf(readOnly, '/status'), 200);
  assert.equal(await codeOf(readOnly, '/flush'), 403);
  assert.equal(await codeOf(readOnly, '/flush', `Bearer ${TOKEN}`), 403);
  assert.equal(await codeOf(controlled, '/status'), 200);
  for (const wrong of [
    undefined,
    'Bearer ',
    'Bearer wrong',
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN} x`,
    TOKEN,
  ]) {
    assert.equal(await codeOf(controlled, '/flush', wrong), 401, wrong);
  }
  assert.equal(await codeOf(controlled, '/flush', `Bearer ${TOKEN}`), 200);
  assert.equal(await codeOf(controlled, '/approve-deletes', `Bearer ${TOKEN}`), 403);
  token = 'another token of many letters'.replaceAll(' ', '-');
  assert.equal(await codeOf(controlled, '/flush', `Bearer ${TOKEN}`), 401, 'the token was renewed');
});

test('S15 a browser that was led to the loopback by a foreign name is refused', async (t) => {
  const { port } = await onTcp(t);
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil']) {
    assert.equal((await ask(port, '/status', { headers: { host } })).code, 403, host);
  }
  for (const host of ['localhost', `LOCALHOST:${port}`, '127.0.0.1', '[::1]:80']) {
    assert.equal((await ask(port, '/status', { headers: { host } })).code, 200, host);
  }
});

test('who sends nonsense, too much, or nothing is answered and let go', async (t) => {
  const { port } = await onTcp(t, { requestMs: 100 });
  assert.match(await say(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 .*\r\n\r\n\{"error":"bad request"\}\n$/s);
  assert.match(
    await say(port, `GET /status HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9000)}`),
    /^HTTP\/1\.1 431 /,
  );
  assert.match(await say(port, 'GET /status HTTP/1.1\r\nHost: localhost\r\n'), /^HTTP\/1\.1 408 /);
  assert.match(await say(port, ''), /^HTTP\/1\.1 408 /);
});

test('a flush ends with its time, or when nobody waits for it any more', async (t) => {
  const signals: AbortSignal[] = [];
  const flush = (signal: AbortSignal) =>
    new Promise<FlushReport>((resolve) => {
      signals.push(signal);
      signal.addEventListener('abort', () => resolve({ ...COMPLETE, complete: false }));
    });
  const { directory } = await onSocket(t, { flush });
  assert.equal((await askAgent(directory, post('/flush?timeout=0.05')))?.code, 503);
  const way = openSocketWay(directory);
  t.after(() => way.close());
  const socket = connect(way.path);
  socket.write('POST /flush HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('it flushes', () => signals.length === 2);
  assert.equal(signals[1]!.aborted, false);
  socket.destroy();
  await until('it has heard that nobody waits', () => signals[1]!.aborted);
});

test('at the end answers under way go out, and connections without a request do not hold it up', async (t) => {
  const { promise, resolve } = Promise.withResolvers<FlushReport>();
  let asked = false;
  const flush = () => {
    asked = true;
    return promise;
  };
  const { directory, server } = await onSocket(t, { flush });
  const way = openSocketWay(directory);
  t.after(() => way.close());
  const silent = connect(way.path).resume();
  const answer = askAgent(directory, post('/flush'));
  await until('it flushes', () => asked);
  const closed = server.close();
  resolve(COMPLETE);
  assert.equal((await answer)?.code, 200);
  await closed;
  await until('the silent one was let go', () => silent.closed);
});
