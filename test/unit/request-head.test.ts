// What is written before the body of a request.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { requestHead } from '../../src/store/http/request-head.ts';

const HOST = ['host', 'h'] as const;

describe('the head of a request', () => {
  it('a request has its line, its headers in order, and a blank line', () => {
    const head = requestHead({ method: 'GET', path: '/b/k?x=y', headers: [HOST, ['x-a', '1 2']] });
    assert.equal(head, 'GET /b/k?x=y HTTP/1.1\r\nhost: h\r\nx-a: 1 2\r\n\r\n');
  });

  it('a write says how long its body is, also if it has none; a read says nothing', () => {
    const lengthOf = (method: 'GET' | 'HEAD' | 'PUT' | 'POST', body?: Buffer): string | undefined =>
      /content-length: (\d+)\r\n/.exec(requestHead({ method, path: '/', headers: [], body }))?.[1];
    assert.equal(lengthOf('PUT', Buffer.from('é')), '2');
    assert.equal(lengthOf('PUT', Buffer.alloc(0)), '0');
    assert.equal(lengthOf('PUT'), '0');
    assert.equal(lengthOf('POST'), '0');
    assert.equal(lengthOf('GET'), undefined);
    assert.equal(lengthOf('HEAD'), undefined);
  });

  it('S15 nothing in a path or a value begins another line', () => {
    for (const bad of ['\r', '\n', '\r\nx: y', '\0', '\x7f', '\u0100']) {
      const value = { method: 'GET', path: '/', headers: [HOST, ['x-a', `a${bad}`]] } as const;
      assert.throws(() => requestHead(value), { code: 'ERR_INVALID_CHAR', message: /x-a/ });
    }
    for (const bad of [' ', '\t', '\r\n', '\0', '\x7f', 'é']) {
      const path = { method: 'GET', path: `/${bad}`, headers: [HOST] } as const;
      assert.throws(() => requestHead(path), { code: 'ERR_INVALID_CHAR', message: /path/ });
    }
  });

  it('a value may hold tabs and any letter of Latin-1', () => {
    assert.match(
      requestHead({ method: 'GET', path: '/', headers: [['x-a', 'a\tb\xe9\xff']] }),
      /x-a: a\tb\xe9\xff\r\n/,
    );
  });
});
