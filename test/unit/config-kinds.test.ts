import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  accountId,
  count,
  deleteGuard,
  duration,
  endpoint,
  flag,
  headerText,
  type Kind,
  mediaType,
  moment,
  oneOf,
  path,
  pathOrNone,
  size,
  storageClass,
  tags,
  userMetadata,
} from '../../src/config/kinds.ts';

function reads<T>(kind: Kind<T>, rows: readonly (readonly [text: string, value: T | undefined])[]): void {
  for (const [text, value] of rows) assert.deepEqual(kind.parse(text), value, `'${text}'`);
}

test('a duration is a number with a unit, seconds without one', () => {
  reads(duration(), [
    ['50ms', 50],
    ['1s', 1_000],
    ['2m', 120_000],
    ['10min', 600_000],
    ['6h', 21_600_000],
    ['1d', 86_400_000],
    ['1.5', 1_500],
    ['0', 0],
    ['14d', 1_209_600_000],
    ['15d', undefined],
    ['', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1e3', undefined],
    ['5 minutes', undefined],
    ['off', undefined],
  ]);
});

test("'off' and 0 switch a duration off, below the least one too, only where that is allowed", () => {
  reads(duration({ minMs: 1_000, off: true }), [
    ['off', 0],
    ['0', 0],
    ['999ms', undefined],
    ['1s', 1_000],
  ]);
  reads(duration({ minMs: 1_000 }), [['0', undefined]]);
});

test('a size in KiB or k is a power of 1,024, in KB a power of 1,000', () => {
  reads(size({ minBytes: 0, maxBytes: 2 ** 40 }), [
    ['8MiB', 8 * 2 ** 20],
    ['16MB', 16_000_000],
    ['64k', 65_536],
    ['64kb', 64_000],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['5242880', 5_242_880],
    ['10B', 10],
    ['2TiB', undefined],
    ['8 Mi B', undefined],
    ['8i', undefined],
    ['k', undefined],
    ['-1', undefined],
  ]);
});

test('counts, guards, words, switches, paths and addresses read what they should and nothing else', () => {
  reads(count({ min: 1, max: 10 }), [
    ['1', 1],
    ['10', 10],
    ['0', undefined],
    ['11', undefined],
    ['1.5', undefined],
    ['0x1', undefined],
  ]);
  reads(deleteGuard, [
    ['1000,50%', { count: 1_000, percent: 50 }],
    ['0,0%', { count: 0, percent: 0 }],
    ['1000', undefined],
    ['1000,50', undefined],
    ['1,101%', undefined],
  ]);
  reads(oneOf('human', 'json'), [
    ['json', 'json'],
    ['JSON', undefined],
  ]);
  reads(flag, [
    ['true', true],
    ['Yes', true],
    ['0', false],
    ['', undefined],
    ['maybe', undefined],
  ]);
  reads(path, [
    ['a b', 'a b'],
    ['', undefined],
    ['a\0', undefined],
    ['caf\ufffd', undefined],
  ]);
  reads(pathOrNone, [
    ['none', 'none'],
    ['', undefined],
  ]);
});

test('S15 an address that holds credentials is refused', () => {
  reads(endpoint, [
    ['http://127.0.0.1:9000', 'http://127.0.0.1:9000'],
    ['https://s3.example.com/base', 'https://s3.example.com/base'],
    ['https://user:secret@s3.example.com', undefined],
    ['https://user@s3.example.com', undefined],
    ['https://s3.example.com/?token=1', undefined],
    ['s3.example.com', undefined],
    ['ftp://s3.example.com', undefined],
  ]);
});

test('a moment has its zone, or is so long ago', () => {
  reads(moment, [
    ['2026-11-01T12:00:00Z', { atMs: Date.UTC(2026, 10, 1, 12) }],
    ['2026-11-01 12:00Z', { atMs: Date.UTC(2026, 10, 1, 12) }],
    ['2026-11-01T13:00:00.5+01:00', { atMs: Date.UTC(2026, 10, 1, 12, 0, 0, 500) }],
    ['-2h', { agoMs: 7_200_000 }],
    ['-90d', { agoMs: 90 * 86_400_000 }],
    ['-30', { agoMs: 30_000 }],
    ['2h', undefined],
    ['2026-11-01T12:00:00', undefined],
    ['2026-11-01', undefined],
    ['2026-13-01T12:00:00Z', undefined],
    ['2026-02-30T12:00:00Z', undefined],
    ['2028-02-29T23:00:00-05:00', { atMs: Date.UTC(2028, 2, 1, 4) }],
    ['-', undefined],
    ['now', undefined],
  ]);
  assert.deepEqual([moment.show({ atMs: 0 }), moment.show({ agoMs: 7_200_000 })], ['1970-01-01T00:00:00.000Z', '-2h']);
});

test('what objects are given reads what S3 takes and nothing else', () => {
  reads(headerText('TEXT'), [
    ['max-age=60, public', 'max-age=60, public'],
    ['', undefined],
    [' x', undefined],
    ['a\nb', undefined],
    ['é', undefined],
  ]);
  reads(mediaType, [
    ['text/html', 'text/html'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ['application/vnd.api+json', 'application/vnd.api+json'],
    ['html', undefined],
    ['text/', undefined],
    ['text/html;', undefined],
    ['text/html; a\nb', undefined],
  ]);
  reads(accountId, [
    ['123456789012', '123456789012'],
    ['12345678901', undefined],
    ['1234567890123', undefined],
  ]);
  reads(storageClass, [
    ['STANDARD_IA', 'STANDARD_IA'],
    ['MY-OWN_2', 'MY-OWN_2'],
    ['GLACIER_IR', 'GLACIER_IR'],
    ['GLACIER', undefined],
    ['DEEP_ARCHIVE', undefined],
    ['standard', undefined],
  ]);
  reads(tags, [
    ['a=b&c=d', 'a=b&c=d'],
    ['a=', 'a='],
    ['a b=c/d', 'a+b=c%2Fd'],
    ['a%20b=c', 'a+b=c'],
    [
      Array.from({ length: 10 }, (_, i) => `t${i}=x`).join('&'),
      Array.from({ length: 10 }, (_, i) => `t${i}=x`).join('&'),
    ],
    [Array.from({ length: 11 }, (_, i) => `t${i}=x`).join('&'), undefined],
    ['a=b&a=c', undefined],
    ['a', undefined],
    ['a=b&', undefined],
    [`${'x'.repeat(129)}=`, undefined],
    [`a=${'x'.repeat(257)}`, undefined],
  ]);
  reads(userMetadata, [
    ['job=game,Team=infra x', { job: 'game', team: 'infra x' }],
    ['a=b=c', { a: 'b=c' }],
    ['mtime=1', undefined],
    ['MODE=1', undefined],
    ['awssyncer-fuzzy=1', undefined],
    ['s3cmd-attrs=x', undefined],
    ['file-owner=1', undefined],
    ['a=b,A=c', undefined],
    ['a=', undefined],
    ['a b=c', undefined],
    ['a=é', undefined],
    [`a=${'x'.repeat(1022)}`, { a: 'x'.repeat(1022) }],
    [`a=${'x'.repeat(1023)}`, undefined],
  ]);
  assert.equal(userMetadata.show({ job: 'game', team: 'infra' }), 'job=game,team=infra');
});
