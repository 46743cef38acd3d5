// S15: everything that awssyncer ever writes, anywhere, is searched for every secret it was given, in every form.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { webIdentity } from '../support/credential-sources.ts';
import { baseOf } from '../support/http-agent.ts';
import { cleanEnvironment, type StrictStage, strictStage } from '../support/stage.ts';

const FORMATS = ['human', 'json'] as const;

/** With characters that base64, URLs, JSON and regular expressions write in their own ways. */
const CREDENTIALS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLE=',
  sessionToken: 'IQoJb3JpZ2luX2Vj/EXAMPLE+TOKEN"\\of.a*session==',
};
const CONTROL_TOKEN = 'control-token/of+the.agent=';
const PROXY_PASSWORD = 'p4ss-word.of+the,proxy';
const ENDPOINT_PASSWORD = 'p4ss-word.of+the,endpoint';

/** A secret by its name. Bytes are a key that is written as text in several ways. */
type Secrets = Readonly<Record<string, string | Buffer>>;

/** Every way in which it might be written. */
function formsOf(secret: string | Buffer): string[] {
  const bytes = Buffer.from(secret as string);
  const texts = [
    bytes.toString('latin1'),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
  ];
  // Base64 of something that the secret is only a part of, at any of three offsets, without what depends on neighbours.
  const within = [0, 1, 2].map((offset) => {
    const all = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return all.slice(offset === 0 ? 0 : 4, -2);
  });
  const written = [...texts, ...within].flatMap((text) => [
    text,
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
  ]);
  return [...new Set(written)];
}

/** All that was written, by where. */
class Writings {
  readonly #all: [where: string, text: string][] = [];

  add(where: string, text: string | Buffer): void {
    this.#all.push([where, Buffer.from(text as string).toString('latin1')]);
  }

  directory(path: string): void {
    for (const name of readdirSync(path, { recursive: true }) as string[]) {
      this.add('a name in it', name);
      const file = join(path, name);
      if (statSync(file).isFile()) this.add(file, readFileSync(file));
    }
  }

  /** What the server was sent but for what authorises it, and what it keeps. */
  server({ server, bucket }: StrictStage): void {
    for (const { headers, query, key, keys } of server.requests) {
      const told = Object.entries(headers).filter(([name]) => !name.endsWith('server-side-encryption-customer-key'));
      this.add('a request', JSON.stringify([key, keys, query, told]));
    }
    for (const [key, { bytes, metadata, headers, settings }] of bucket.objects()) {
      this.add(`the object ${key}`, bytes);
      this.add(`the object ${key}`, JSON.stringify([key, metadata, headers, settings]));
    }
  }

  assertNone(secrets: Secrets): void {
    for (const [name, secret] of Object.entries(secrets))
      for (const form of formsOf(secret))
        for (const [where, text] of this.#all) {
          const at = text.indexOf(form);
          assert.ok(at < 0, `${name} as ${form} in ${where}: ${text.slice(Math.max(0, at - 300), at + 300)}`);
        }
  }

  has(pattern: RegExp): boolean {
    return this.#all.some(([, text]) => pattern.test(text));
  }
}

/** Refuses one file for each secret, and quotes it. @returns their names */
function refuseQuoting({ server }: StrictStage, secrets: Secrets): string[] {
  return Object.entries(secrets).map(([name, secret]) => {
    const text = typeof secret === 'string' ? secret : secret.toString('base64');
    const message = `I was told ${name} ${text} ${encodeURIComponent(text)}`;
    const effect = { kind: 'status', code: 'AccessDenied', message } as const;
    server.faults.add({ operation: 'PutObject', key: new RegExp(`refused-${name}$`), effect });
    return `refused-${name}`;
  });
}

/** Keys of the customer go over the loopback only, so the agent has one. */
async function stageOf(t: TestContext) {
  const stage = await strictStage(t, CREDENTIALS);
  const customerKey = randomBytes(32);
  const keyFile = join(stage.dir, 'customer-key');
  const tokenFile = join(stage.dir, 'control-token');
  writeFileSync(keyFile, customerKey);
  writeFileSync(tokenFile, CONTROL_TOKEN);
  const env = {
    ...stage.env,
    HTTPS_PROXY: `http://someone:${encodeURIComponent(PROXY_PASSWORD)}@127.0.0.1:1`,
  };
  const secrets: Secrets = {
    ...CREDENTIALS,
    customerKey,
    control: CONTROL_TOKEN,
    proxy: PROXY_PASSWORD,
  };
  return { stage, keyFile, tokenFile, env, secrets, writings: new Writings() };
}

for (const format of FORMATS) {
  describe(`S15 no secret is written, with --log-format=${format} and --verbose`, () => {
    test('by an agent: through success, refusals that quote all they were told, its socket, HTTP and its end', async (t) => {
      const { stage, keyFile, tokenFile, env, secrets, writings } = await stageOf(t);
      const { server, bucket, local, url, state } = stage;
      bucket.keepVersions();
      const refused = refuseQuoting(stage, secrets);
      const message = `I was told ${CREDENTIALS.secretAccessKey} and ${CREDENTIALS.sessionToken}`;
      for (const [key, code, times] of [
        [/wrong/, 'InvalidToken', 2],
        [/busy/, 'InternalError', 4],
      ] as const)
        server.faults.add({ operation: 'PutObject', key, times, effect: { kind: 'status', code, message } });
      const garbage = { kind: 'garbage', change: () => Buffer.from(`<a>${message}`) } as const;
      server.faults.add({ operation: 'ListObjectsV2', after: 1, times: 1, effect: garbage });
      stage.write('fine');
      stage.write('large', Buffer.alloc(6 * 2 ** 20, 'x'));
      for (const name of [...refused, 'wrong', 'busy']) stage.write(name);
      const agent = stage.start(
        [
          ...['run', '--verbose', '--log-format', format, '--http', '0', '--http-control', tokenFile],
          ...[
            '--sse-c-key-file',
            keyFile,
            '--checkpoint-interval',
            '1s',
            '--multipart-threshold',
            '5MiB',
            '--part-size',
            '5MiB',
          ],
          ...['--shutdown-timeout', '3s', local, url],
        ],
        { env },
      );
      const base =
        format === 'human'
          ? await baseOf(agent)
          : `http://${/"address":"([^"]+)"/.exec(await agent.waitForLine(/"answering over HTTP"/))![1]}/`;
      for (const name of refused) await agent.waitForLine(new RegExp(`${name}: the server answered 403`));
      await agent.until('what can be is stored', () =>
        ['fine', 'large', 'busy'].every((name) => stage.keys().includes(name)),
      );
      rmSync(stage.at('fine'));
      await agent.until('a delete', () => !stage.keys().includes('fine'));
      for (const path of ['', 'status', 'activity', 'metrics', 'startupz', 'readyz', 'livez', 'page.js'])
        writings.add(path, await (await fetch(base + path)).text());
      for (const token of [CONTROL_TOKEN, `${CONTROL_TOKEN}x`]) {
        const headers = { authorization: `Bearer ${token}` };
        writings.add('flush', await (await fetch(`${base}flush?timeout=0.2`, { method: 'POST', headers })).text());
      }
      for (const args of [['status'], ['status', '--json'], ['flush', '--timeout', '200ms', '--json']]) {
        // Whoever asks may know none of the secrets that the agent has.
        const asked = await stage.run([...args, local], {
          env: { ...cleanEnvironment(stage.dir), AWSSYNCER_STATE_DIR: state },
        });
        writings.add(args.join(' '), asked.stdout + asked.stderr);
      }
      agent.signal('SIGTERM');
      assert.equal((await agent.exited).code, 3, 'what is refused stays unsent');
      writings.add('the log', agent.output());
      writings.directory(state);
      writings.server(stage);
      assert.ok(writings.has(/I was told/), 'it did quote the server');
      assert.ok(writings.has(/"reason":"[^"]*I was told/), 'over HTTP too');
      writings.assertNone(secrets);
    });

    test('by commands: with wrong credentials, proxies, endpoints, and servers that quote all they were told', async (t) => {
      const { stage, keyFile, env, secrets, writings } = await stageOf(t);
      const { local, url, state } = stage;
      stage.write('a');
      const echo = await echoServer(t);
      const common = ['--verbose', '--log-format', format];
      const changes: Record<string, string>[] = [
        {},
        { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLF' },
        { AWS_SECRET_ACCESS_KEY: `${CREDENTIALS.secretAccessKey}x` },
        { AWS_SESSION_TOKEN: `${CREDENTIALS.sessionToken}x` },
        { AWS_ENDPOINT_URL: echo },
        { AWS_ENDPOINT_URL: echo, AWS_ENDPOINT_URL_S3: echo, AWS_MAX_ATTEMPTS: '1' },
        { AWS_ENDPOINT_URL: 'https://s3.invalid', AWS_ENDPOINT_URL_S3: 'https://s3.invalid' },
        { AWS_ENDPOINT_URL_S3: `http://user:${encodeURIComponent(ENDPOINT_PASSWORD)}@127.0.0.1:1` },
        { AWSSYNCER_ENDPOINT_URL: `http://user:${encodeURIComponent(ENDPOINT_PASSWORD)}@127.0.0.1:1` },
      ];
      for (const change of changes)
        for (const [command, ...sides] of [
          ['sync', '--json', local, url],
          ['doctor', local, url],
          ['restore', '--dry-run', url, local],
        ]) {
          const args = [command!, ...common, ...(command === 'sync' ? ['--request-timeout=1s'] : []), ...sides];
          const { stdout, stderr } = await stage.run(args, { env: { ...env, ...change } });
          writings.add(`${command} with ${Object.keys(change)}`, stdout + stderr);
        }
      const customer = ['--sse-c-key-file', keyFile, '--state-dir=none'];
      for (const endpoint of [stage.server.endpoint, echo]) {
        const { stdout, stderr } = await stage.run(
          ['verify', ...common, ...customer, '--endpoint-url', endpoint, local, url],
          { env },
        );
        writings.add('with a key of the customer', stdout + stderr);
      }
      writings.directory(state);
      writings.server(stage);
      assert.ok(writings.has(/you sent/), 'it did quote the server');
      writings.assertNone({ ...secrets, endpoint: ENDPOINT_PASSWORD });
    });

    test('where credentials come by way of a file and another server, which quotes them when it fails', async (t) => {
      const { stage, secrets: _, writings } = await stageOf(t);
      const { server, dir, local, url, state } = stage;
      const source = await webIdentity(t, dir);
      source.give(CREDENTIALS);
      const env = { ...cleanEnvironment(join(dir, 'home')), ...source.env, AWS_REGION: 'us-east-1' };
      const told = { ...env, AWS_ENDPOINT_URL_S3: server.endpoint, AWSSYNCER_STATE_DIR: state };
      const secrets = { ...CREDENTIALS, identity: source.secrets[0]! };
      for (const name of refuseQuoting(stage, secrets)) stage.write(name);
      const args = ['sync', '--verbose', '--json', '--log-format', format, local, url];
      const refused = await stage.run(args, { env: told });
      assert.match(refused.stderr, /I was told/);
      const failing = await stage.run(args, { env: { ...told, AWS_ENDPOINT_URL_STS: await echoServer(t) } });
      assert.equal(failing.code, 1, failing.stderr);
      for (const { stdout, stderr } of [refused, failing]) writings.add('sync', stdout + stderr);
      writings.directory(state);
      writings.server(stage);
      writings.assertNone(secrets);
    });
  });
}

test('the search finds what it is to find', () => {
  for (const secret of [CREDENTIALS.sessionToken, randomBytes(32)]) {
    const bytes = Buffer.from(secret as string);
    const ways = [
      bytes,
      bytes.toString('base64'),
      bytes.toString('hex'),
      encodeURIComponent(bytes.toString('base64')),
      Buffer.concat([Buffer.from('user:'), bytes]).toString('base64'),
      Buffer.concat([Buffer.from('u:'), bytes, Buffer.from('more')]).toString('base64'),
    ];
    for (const way of ways) {
      const writings = new Writings();
      writings.add('somewhere', Buffer.concat([Buffer.from('before'), Buffer.from(way as string)]));
      assert.throws(() => writings.assertNone({ secret }), /in somewhere/, `${way}`);
    }
  }
});

/** Refuses every request with all that came with it. */
async function echoServer(t: TestContext): Promise<string> {
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const sent = `${JSON.stringify(request.headers)} ${decodeURIComponent(request.url!)} ${Buffer.concat(chunks)}`;
      const escaped = `you sent ${sent}`.replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`);
      const error = `<Code>InvalidRequest</Code><Message>${escaped}</Message>`;
      answer.writeHead(400, { 'content-type': 'application/xml' });
      answer.end(request.method === 'HEAD' ? '' : `<?xml version="1.0"?><Error>${error}</Error>`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
