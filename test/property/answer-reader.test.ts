// The reader of HTTP answers: however the bytes come, one answer or none, and never another one than Node's own reader has.
import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AnswerReader } from '../../src/store/http/answer-reader.ts';

interface Read {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isDone: boolean;
  readonly keepsMs: number;
}

/** Reads pieces that end at these places, each out of memory that is used for the next one too. */
function read(answer: Buffer, { method = 'GET', cuts = [] as readonly number[], closes = false } = {}): Read {
  let head: Pick<Read, 'status' | 'headers'> | undefined;
  const body: string[] = [];
  const reader = new AnswerReader(method, {
    head: (answered) => {
      assert.equal(head, undefined, 'one head');
      head = answered;
    },
    body: (chunk) => body.push(chunk.toString('latin1')),
  });
  const memory = Buffer.alloc(answer.length);
  const ends = [...new Set(cuts.map((cut) => cut % (answer.length + 1)))].sort((a, b) => a - b);
  let at = 0;
  for (const end of [...ends, answer.length]) {
    memory.fill('?');
    answer.copy(memory, 0, at, end);
    reader.read(memory.subarray(0, end - at));
    at = end;
  }
  if (closes) reader.close();
  const { isDone, keepsMs } = reader;
  return { status: 0, headers: {}, ...head, body: body.join(''), isDone, keepsMs };
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

const names = fc
  .string({ unit: fc.constantFrom(..."aZ09!#$%&'*+-.^_`|~"), minLength: 1, maxLength: 6 })
  .map((name) => `X-${name}`);
const values = fc.string({ unit: fc.constantFrom(...'aZ0:;,="\t \x80\x85\xa0\xff'), maxLength: 12 });
const fields = fc.array(fc.tuple(names, fc.constantFrom('', ' ', '\t '), values, fc.constantFrom('', ' ', ' \t')), {
  maxLength: 5,
});
const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 });
const blankless = (value: string): string => value.replace(/^[\t ]+|[\t ]+$/g, '');

/** An answer as it is written, and what it says. */
const answers = fc
  .record({
    before: fc.array(
      fc.constantFrom('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 \r\nLink: <x>\r\nContent-Length: 5\r\n\r\n'),
      {
        maxLength: 2,
      },
    ),
    status: fc.constantFrom(200, 206, 301, 403, 404, 503),
    reason: fc.constantFrom(' OK', ' ', ' Not So \xe9', ''),
    fields,
    framing: fc.constantFrom('Content-Length', 'cONTENT-lENGTH', 'Transfer-Encoding', 'close'),
    chunks: contents,
    isUpper: fc.boolean(),
    extension: fc.constantFrom('', ';a', ';a="b;c"', ';a=1;b'),
    trailers: fc.constantFrom('', 'X-Trailer: 1\r\n', 'x-a: b\r\nx-c:\r\n'),
  })
  .map(({ before, status, reason, fields, framing, chunks, isUpper, extension, trailers }) => {
    const content = chunks.map(latin1).join('');
    const isChunked = framing === 'Transfer-Encoding';
    const lines = fields.map(([name, left, value, right]) => `${name}:${left}${value}${right}\r\n`);
    const headers: Record<string, string> = {};
    for (const [name, , value] of fields) {
      const [key, told] = [name.toLowerCase(), blankless(value)];
      headers[key] = key in headers ? `${headers[key]}, ${told}` : told;
    }
    if (framing !== 'close') {
      const told = isChunked ? 'chunked' : String(content.length);
      lines.push(`${framing}: ${told}\r\n`);
      headers[framing.toLowerCase()] = told;
    }
    const sizeOf = (size: number): string => (isUpper ? `0${size.toString(16).toUpperCase()}` : size.toString(16));
    const chunked = chunks.map((chunk) => `${sizeOf(chunk.length)}${extension}\r\n${latin1(chunk)}\r\n`).join('');
    const body = isChunked ? `${chunked}0${extension}\r\n${trailers}\r\n` : content;
    const text = `${before.join('')}HTTP/1.1 ${status}${reason}\r\n${lines.join('')}\r\n${body}`;
    return { bytes: bytesOf(text), closes: framing === 'close', says: { status, headers, body: content } };
  });
const cuts = fc.array(fc.nat(), { maxLength: 8 });

/** What Node's client makes of it. */
async function readByNode(answer: Buffer): Promise<Pick<Read, 'status' | 'headers' | 'body'>> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const wire = new Duplex({
    read() {},
    write(_bytes, _encoding, done) {
      done();
      this.push(answer);
      this.push(null);
    },
  });
  request({ createConnection: () => wire })
    .once('response', resolve)
    .once('error', reject)
    .end();
  const message = await promise;
  const headers: Record<string, string> = {};
  for (let n = 0; n < message.rawHeaders.length; n += 2) {
    const [name, value] = [message.rawHeaders[n]!.toLowerCase(), message.rawHeaders[n + 1]!];
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return { status: message.statusCode!, headers, body: (await buffer(message)).toString('latin1') };
}

describe('the reader of answers', () => {
  it('S9 an answer says the same wherever it is cut, and out of memory that is used again', () => {
    fc.assert(
      fc.property(answers, cuts, ({ bytes, closes, says }, at) => {
        const { keepsMs, ...answer } = read(bytes, { cuts: at, closes });
        assert.deepEqual(answer, { ...says, isDone: true });
        assert.equal(keepsMs, closes ? 0 : Number.POSITIVE_INFINITY);
      }),
    );
  });

  it('an answer that comes byte by byte says the same', () => {
    fc.assert(
      fc.property(answers, ({ bytes, closes }) => {
        const each = Array.from(bytes, (_, at) => at);
        assert.deepEqual(read(bytes, { cuts: each, closes }), read(bytes, { closes }));
      }),
      { numRuns: 30 },
    );
  });

  it("it understands what Node's own client understands", async () => {
    await fc.assert(
      fc.asyncProperty(answers, async ({ bytes, closes }) => {
        const { status, headers, body } = read(bytes, { closes });
        assert.deepEqual({ status, headers, body }, await readByNode(bytes));
      }),
    );
  });

  it('S9 an answer that ends before its end is not done', () => {
    fc.assert(
      fc.property(answers, fc.nat(), ({ bytes, closes }, where) => {
        fc.pre(!closes);
        assert.equal(read(bytes.subarray(0, where % bytes.length), { closes: true }).isDone, false);
      }),
    );
  });

  it('what follows an answer is refused, in whatever piece it comes', () => {
    fc.assert(
      fc.property(answers, cuts, fc.uint8Array({ minLength: 1, maxLength: 9 }), ({ bytes, closes }, at, more) => {
        fc.pre(!closes);
        const both = Buffer.concat([bytes, more]);
        assert.throws(() => read(both, { cuts: [...at, bytes.length] }), { code: 'MalformedAnswer' });
      }),
    );
  });

  it('any bytes are an answer, a part of one or refused; nothing else happens', () => {
    const spoiled = fc
      .tuple(answers, fc.nat(), fc.nat(9), fc.uint8Array({ maxLength: 6 }))
      .map(([answer, where, removed, put]) => {
        const at = where % answer.bytes.length;
        return Buffer.concat([answer.bytes.subarray(0, at), put, answer.bytes.subarray(at + removed)]);
      });
    const anything = fc.oneof(
      spoiled,
      fc.uint8Array({ maxLength: 99 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(anything, cuts, fc.boolean(), (bytes, at, closes) => {
        const outcome = (places: readonly number[]): unknown => {
          try {
            return read(bytes, { cuts: places, closes });
          } catch (error) {
            assert.equal((error as { code?: unknown }).code, 'MalformedAnswer', String(error));
            return 'refused';
          }
        };
        assert.deepEqual(outcome(at), outcome([]));
      }),
      { numRuns: 1000 },
    );
  });

  const OK = 'HTTP/1.1 200 OK\r\n';
  const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;
  const refused: readonly [what: string, answer: string][] = [
    ['no HTTP', 'SSH-2.0-x\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a line feed alone at the end of the status', 'HTTP/1.1 200 OK\nx: y\r\n\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching\r\n\r\n'],
    ['a header without a colon', `${OK}x\r\n\r\n`],
    ['a header without a name', `${OK}: x\r\n\r\n`],
    ['a blank before the colon', `${OK}content-length : 1\r\n\r\nx`],
    ['a header that goes on in the next line', `${OK}x: y\r\n content-length: 1\r\n\r\nx`],
    ['a letter of no name', `${OK}x\xe9: y\r\n\r\n`],
    ['a zero byte in a value', `${OK}x: \0\r\n\r\n`],
    ['a line feed in a value', `${OK}x: a\ncontent-length: 1\r\n\r\nx`],
    ['a carriage return in a value', `${OK}x: a\rb\r\n\r\n`],
    ['two lengths', `${OK}content-length: 1\r\nContent-Length: 2\r\n\r\nxx`],
    ['two lengths in one line', `${OK}content-length: 1, 2\r\n\r\nxx`],
    ['a length and chunks', `${OK}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a negative length', `${OK}content-length: -1\r\n\r\n`],
    ['a signed length', `${OK}content-length: +1\r\n\r\nx`],
    ['a hexadecimal length', `${OK}content-length: 0x1\r\n\r\nx`],
    ['a length that is empty', `${OK}content-length:\r\n\r\n`],
    ['a length that no number holds', `${OK}content-length: ${'9'.repeat(16)}\r\n\r\n`],
    ['another coding', `${OK}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['chunks twice', `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk without a size', `${CHUNKED}\r\n\r\n`],
    ['a chunk of a size that is no number', `${CHUNKED}x\r\n\r\n`],
    ['a chunk of a negative size', `${CHUNKED}-1\r\n\r\n`],
    ['a chunk of a size that begins with 0x', `${CHUNKED}0x1\r\nx\r\n0\r\n\r\n`],
    ['a chunk of a size that no number holds', `${CHUNKED}${'f'.repeat(16)}\r\n`],
    ['a chunk longer than its size', `${CHUNKED}1\r\nxy\r\n0\r\n\r\n`],
    ['a line feed in an extension', `${CHUNKED}1;a\nb\r\nx\r\n0\r\n\r\n`],
    ['a head without an end', `${OK}${'x: y\r\n'.repeat(20_000)}`],
    ['a chunk whose line has no end', `${CHUNKED}1;${'x'.repeat(70_000)}`],
  ];
  for (const [what, answer] of refused) {
    it(`refused: ${what}`, () => {
      assert.throws(() => read(bytesOf(answer)), { code: 'MalformedAnswer' });
    });
  }

  it('what has no body has none, whatever length it tells', () => {
    const lengths = ['', 'content-length: 5\r\n', 'transfer-encoding: chunked\r\n'];
    for (const length of lengths) {
      const cases = [
        ['HEAD', 200],
        ['HEAD', 404],
        ['GET', 204],
        ['GET', 304],
      ] as const;
      for (const [method, status] of cases) {
        const answer = read(bytesOf(`HTTP/1.1 ${status} x\r\n${length}\r\n`), { method });
        assert.deepEqual([answer.status, answer.isDone, answer.keepsMs], [status, true, Number.POSITIVE_INFINITY]);
      }
    }
  });

  it('blanks behind the size of a chunk mean nothing', () => {
    for (const blanks of [' ', '\t', ' \t;x', ' ; a="\xff"']) {
      assert.equal(read(bytesOf(`${CHUNKED}1${blanks}\r\nx\r\n0${blanks}\r\n\r\n`)).body, 'x');
    }
  });

  it('the same length twice is one length', () => {
    assert.equal(read(bytesOf(`${OK}content-length: 1\r\nContent-Length: 1\r\n\r\nx`)).body, 'x');
  });

  it('headers with the names of what every object has are headers', () => {
    const { headers } = read(
      bytesOf(`${OK}constructor: a\r\n__proto__: b\r\ntoString: c\r\ncontent-length: 0\r\n\r\n`),
    );
    assert.deepEqual({ ...headers }, { constructor: 'a', tostring: 'c', 'content-length': '0' });
    assert.equal(Object.getPrototypeOf(headers), Object.prototype);
  });

  it('S9 a value keeps all of its last letter', () => {
    const { headers } = read(Buffer.from(`${OK}x-amz-meta-a: \t voil\u00e0 \t\r\ncontent-length: 0\r\n\r\n`));
    assert.equal(Buffer.from(headers['x-amz-meta-a']!, 'latin1').toString(), 'voil\u00e0');
  });

  it('S6 the connection is kept only as long as the server says', () => {
    const kept: readonly [version: string, headers: string, keepsMs: number][] = [
      ['1.1', '', Number.POSITIVE_INFINITY],
      ['1.1', 'Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n', 5_000],
      ['1.1', 'Keep-Alive: max=3,timeout=7\r\n', 7_000],
      ['1.1', 'Connection: Close\r\n', 0],
      ['1.1', 'Connection: x-y, close\r\n', 0],
      ['1.1', 'Connection: x\r\nConnection: close\r\n', 0],
      ['1.1', 'Connection: not-close\r\n', Number.POSITIVE_INFINITY],
      ['1.0', '', 0],
      ['1.0', 'Connection: Keep-Alive\r\n', Number.POSITIVE_INFINITY],
    ];
    for (const [version, headers, keepsMs] of kept) {
      const answer = read(bytesOf(`HTTP/${version} 200 OK\r\n${headers}content-length: 0\r\n\r\n`));
      assert.equal(answer.keepsMs, keepsMs, `${version} ${headers}`);
    }
  });
});
