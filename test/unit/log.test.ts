import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displayPath } from '../../src/model/path.ts';
import type { Trouble } from '../../src/ops/activity.ts';
import { createLog, type LogOptions } from '../../src/ops/log.ts';
import { Secrets } from '../../src/ops/redact.ts';
import { Ring } from '../../src/ops/ring.ts';
import { showBytes, showMs } from '../../src/ops/units.ts';

const NOON = Date.UTC(2024, 0, 2, 12, 3, 4, 567);

async function logTo(lines: string[], options: Partial<LogOptions> = {}) {
  return createLog({
    format: 'human',
    level: 'info',
    write: (line) => lines.push(line),
    now: () => NOON,
    redact: (text) => text,
    ...options,
  });
}

test('a line for people holds time, message, path and numbers with their units', async () => {
  const lines: string[] = [];
  const log = await logTo(lines);
  log.info('uploaded', { path: 'caf\xc3\xa9/\xff', sizeBytes: 4_200, ageMs: 12, files: 2, hint: undefined });
  log.warn('held');
  log.info('flushed', { bytes: 2, ms: 5, inMs: 1_000 });
  const time = new Date(NOON).toTimeString().slice(0, 8);
  assert.deepEqual(lines, [
    `${time} uploaded ${displayPath('caf\xc3\xa9/\xff')} 4.1 KiB 12 ms files=2`,
    `${time} warn: held`,
    `${time} flushed 2 B 5 ms in=1.0 s`,
  ]);
});

test('a message cannot break out of its line or steer the terminal', async () => {
  const lines: string[] = [];
  (await logTo(lines)).error('bad\nanswer\x1b[2J', { path: 'a\nb' });
  assert.match(lines[0]!, /error: bad answer \[2J a\\x0ab$/);
});

test('a line for machines is one JSON object with the level and the time in words', async () => {
  const lines: string[] = [];
  (await logTo(lines, { format: 'json' })).warn('held', {
    path: 'a\xff',
    sizeBytes: 10n,
    reason: 'x\ny',
    hint: undefined,
  });
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      {
        level: 'warn',
        time: '2024-01-02T12:03:04.567Z',
        message: 'held',
        path: displayPath('a\xff'),
        sizeBytes: 10,
        reason: 'x\ny',
      },
    ],
  );
  assert.equal(lines[0]!.includes('\n'), false);
});

test('lines beyond the level are dropped in both formats', async () => {
  for (const format of ['human', 'json'] as const) {
    const lines: string[] = [];
    const log = await logTo(lines, { format, level: 'warn' });
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](level);
    assert.equal(lines.length, 2, format);
  }
});

test('S15 secrets of the environment and of signed requests are blotted out in both formats', async () => {
  const { redact } = new Secrets({
    AWS_SECRET_ACCESS_KEY: 'wJalr/XUtnFEMI+K7MDENG',
    AWS_SESSION_TOKEN: 'token"with"quotes',
    AWS_REGION: 'eu-west-1',
  });
  for (const format of ['human', 'json'] as const) {
    const lines: string[] = [];
    const log = await logTo(lines, { format, redact });
    log.info('key wJalr/XUtnFEMI+K7MDENG in eu-west-1', {
      path: 'wJalr/XUtnFEMI+K7MDENG',
      reason: 'token"with"quotes',
    });
    log.info('https://s3/?X-Amz-Signature=0123abcd&X-Amz-Security-Token=FwoGZ%2F&x=1', {
      reason: 'AWS4-HMAC-SHA256 Signature=beef',
    });
    const all = lines.join('\n');
    assert.doesNotMatch(all, /wJalr|with|0123abcd|FwoGZ|beef/, all);
    assert.match(all, /eu-west-1.*x=1/s);
  }
});

test('S15 an empty or short placeholder of a test server blots out nothing', () => {
  assert.equal(new Secrets({ AWS_SECRET_ACCESS_KEY: '', AWS_SESSION_TOKEN: 'test' }).redact('a test'), 'a test');
});

test('sizes and durations are shown with a fitting unit', () => {
  assert.deepEqual([0, 1_023, 1_024, 4_200, 1_048_575, 2 ** 30].map(showBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '4.1 KiB',
    '1.0 MiB',
    '1.0 GiB',
  ]);
  assert.deepEqual([0, 12.4, 999.9, 1_234, 59_990, 75_000, 7_260_000].map(showMs), [
    '0 ms',
    '12 ms',
    '1.0 s',
    '1.2 s',
    '1 min 0 s',
    '1 min 15 s',
    '2 h 1 min',
  ]);
});

test('S15 the last warnings and errors are kept as they would be written, also those beyond the level', async () => {
  const troubles = new Ring<Trouble>(3);
  const lines: string[] = [];
  const { redact } = new Secrets({ AWS_SECRET_ACCESS_KEY: 'a-secret-of-many-letters' });
  const log = await logTo(lines, { level: 'error', troubles, redact });
  log.info('uploaded');
  log.warn('lost');
  log.warn('cannot store', { path: '\xff', reason: 'a-secret-of-many-letters', sizeBytes: 12n });
  log.error('a-secret-of-many-letters');
  log.warn('held');
  const at = new Date(NOON).toISOString();
  const blotted = redact('a-secret-of-many-letters');
  assert.notEqual(blotted, 'a-secret-of-many-letters');
  assert.deepEqual(troubles.oldestFirst(), [
    { at, level: 'warn', message: 'cannot store', fields: { path: '\\xff', reason: blotted, sizeBytes: '12' } },
    { at, level: 'error', message: blotted, fields: {} },
    { at, level: 'warn', message: 'held', fields: {} },
  ]);
  assert.equal(lines.length, 1);
});

test('a message is always the same, and a key that nobody declared does not compile', async () => {
  const lines: string[] = [];
  const log = await logTo(lines, { format: 'json' });
  const some = { path: 'a', pth: 'a' };
  // The directives fail to compile where there is no error.
  // @ts-expect-error: it is not in log-keys.ts
  log.info('uploaded', { pth: 'a' });
  // @ts-expect-error: nor if it comes by way of another object
  log.info('uploaded', { ...some });
  // @ts-expect-error
  log.info('uploaded', some);
  // @ts-expect-error: bytes are a number
  log.info('uploaded', { bytes: '3' });
  // @ts-expect-error: what differs belongs into a field
  log.info(`uploaded ${lines.length} files`);
  log.info('uploaded', { path: some.path, bytes: 3 });
  assert.equal(lines.length, 6);
});

test('what people read may be said otherwise than what programs read', async () => {
  const [human, json]: [string[], string[]] = [[], []];
  for (const [lines, format] of [
    [human, 'human'],
    [json, 'json'],
  ] as const)
    (await logTo(lines, { format })).info('sync', { uploaded: 2, ms: 7 }, 'sync: 2 uploaded in 7 ms');
  assert.match(human[0]!, /^\S+ sync: 2 uploaded in 7 ms$/);
  const { time: _, level: __, ...line } = JSON.parse(json[0]!);
  assert.deepEqual(line, { message: 'sync', uploaded: 2, ms: 7 });
});

test('in colour is only how grave a line is', async () => {
  const lines: string[] = [];
  const log = await logTo(lines, { colours: true, level: 'debug' });
  log.error('a');
  log.warn('b\x1b[31m');
  log.info('c');
  log.debug('d');
  assert.deepEqual(
    lines.map((line) => line.slice('00:00:00 '.length)),
    ['\x1b[31merror:\x1b[0m a', '\x1b[33mwarn:\x1b[0m b [31m', 'c', 'debug: d'],
  );
});

test('S15 a secret is blotted out in every form it may be quoted in, also one that becomes known later', () => {
  const secrets = new Secrets({
    HTTPS_PROXY: 'http://me:pass%20word@proxy:3128',
    OTHER: 'https://example.com/a:b@c',
  });
  const secret = 'a+b/c"d.e*f(g=';
  assert.equal(secrets.redact(secret), secret);
  secrets.conceal(secret);
  const quoted = [
    secret,
    JSON.stringify({ secret }),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    'pass word',
    'pass%20word',
    `Basic ${Buffer.from('me:pass word').toString('base64')}`,
  ];
  assert.deepEqual(quoted.map(secrets.redact), ['***', '{"secret":"***"}', '***', '***', '***', '***', 'Basic ***']);
  assert.equal(secrets.redact('https://example.com/a:b@c'), 'https://example.com/a:b@c');
});

test('S15 of credentials that are renewed for years the latest are known', () => {
  const secrets = new Secrets({});
  for (let n = 0; n < 1_000; n++) secrets.conceal(`secret-number-${n}-of-many`);
  for (let n = 980; n < 1_000; n++) assert.equal(secrets.redact(`secret-number-${n}-of-many`), '***');
  secrets.conceal('secret-number');
  assert.equal(secrets.redact('secret-number-999-of-many'), '***', 'all of it, though it begins with another');
});
