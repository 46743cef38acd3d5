// The reader of listing pages, held to a general parser: it says the same or nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseXML } from '@aws-sdk/xml-builder';
import fc from 'fast-check';
import { readListPage, scan } from '../../src/store/lean/list-page.ts';
import { isWhole } from '../../src/store/whole-document.ts';

const ROOT = 'ListBucketResult';

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' })[c]!);
const element = (name: string, content: string): string => `<${name}>${content}</${name}>`;

const texts = fc.oneof(fc.string(), fc.constantFrom('', 'a/b', 'a%20b', '&', '"e"', 'é/日本', '__proto__', 'a&b<c>'));
const blanks = fc.constantFrom('', '', '\n', '\n    ', ' ');
const objects = fc
  .record({ key: texts, size: fc.nat(), etag: texts, owner: fc.boolean(), more: fc.boolean(), blank: blanks })
  .map(({ key, size, etag, owner, more, blank }) => {
    const parts = [
      element('Key', escaped(key)),
      element('LastModified', '2026-11-22T20:45:40.000Z'),
      element('ETag', escaped(etag)),
      element('Size', String(size)),
      owner ? element('Owner', element('ID', 'me') + element('DisplayName', escaped(key))) : '',
      more ? element('StorageClass', 'STANDARD') : '',
    ];
    return `<Contents>${blank}${parts.filter((part) => part !== '').join(blank)}${blank}</Contents>`;
  });
const documents = fc
  .record({ declared: fc.boolean(), contents: fc.array(objects, { maxLength: 4 }), blank: blanks, token: texts })
  .map(({ declared, contents, blank, token }) => {
    const declaration = declared ? '<?xml version="1.0" encoding="UTF-8"?>' : '';
    const parts = [
      element('Name', 'bucket'),
      element('EncodingType', 'url'),
      element('IsTruncated', 'true'),
      ...contents,
      element('NextContinuationToken', escaped(token)),
    ];
    return `${declaration}${blank}<${ROOT} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${blank}${parts.join(blank)}${blank}</${ROOT}>`;
  });

/** What a server could send instead of a piece of the document, or between two. */
const PIECES = [
  ...['&#65;', '&#x41;', '&x;', '&', '<!-- c -->', '<![CDATA[x]]>', '<?pi?>', '</Key>', '<Key/>', '<Key>other</Key>'],
  ...[
    '\r\n',
    '\n',
    ' ',
    '<Owner>',
    '</Owner>',
    '<Owner><Key>k</Key></Owner>',
    '<Contents>',
    '</Contents>',
    '<x a="b"/>',
  ],
  ...[
    '<Contents/>',
    '<__proto__>p</__proto__>',
    '<Prefix/>',
    '<Size>1</Size>',
    '<IsTruncated>false</IsTruncated>',
    'text',
  ],
] as const;
const changed = fc
  .tuple(
    documents,
    fc.array(fc.tuple(fc.nat(999), fc.constantFrom(...PIECES), fc.nat(30)), {
      minLength: 1,
      maxLength: 2,
    }),
  )
  .map(([document, changes]) => {
    let text = document;
    for (const [where, piece, removed] of changes) {
      // At a tag, where most of it still means something.
      const at = text.indexOf('<', Math.floor((where / 1000) * text.length));
      if (at > 0) text = text.slice(0, at) + piece + text.slice(at + (removed > 25 ? removed : 0));
    }
    return text;
  });

type Parsed = Record<string, unknown>;
const parse = (text: string): Parsed => (parseXML(text) as Record<string, Parsed>)[ROOT]!;

function outcomeOf(read: () => unknown): unknown {
  try {
    return read();
  } catch {
    return 'refused';
  }
}

describe('a listing page', () => {
  it('is read without the parser when it is as servers send it, and says what the parser says', () => {
    fc.assert(
      fc.property(documents, (text) => {
        const page = readListPage(text, () => assert.fail('the parser is asked'));
        assert.deepEqual(
          page,
          outcomeOf(() => readListPage(`${text}<!-- -->`, () => parse(text))),
        );
      }),
    );
  });

  it('of any other form means what the parser says, or is left to it', () => {
    let read = 0;
    fc.assert(
      fc.property(changed, (text) => {
        if (!isWhole(text.trim(), ROOT) || scan(text) === undefined) return;
        read++;
        const byReader = outcomeOf(() => readListPage(text, () => assert.fail('the parser is asked')));
        // A comment at the end makes the reader give up.
        assert.deepEqual(
          byReader,
          outcomeOf(() => readListPage(`${text}<!-- -->`, () => parse(text))),
        );
      }),
      { numRuns: 2_000 },
    );
    assert.ok(read > 100, `${read} documents were read`);
  });

  it('without a number for a size or a time is refused', () => {
    const object = (size: string, time: string): string =>
      element(ROOT, element('Contents', element('Key', 'k') + element('Size', size) + element('LastModified', time)));
    const time = '2026-11-22T20:45:40.000Z';
    assert.equal(readListPage(object('7', time), parse).Contents?.[0]?.Size, 7);
    for (const [size, when] of [
      ['', time],
      ['-1', time],
      ['1e3', time],
      ['7', ''],
      ['7', 'yesterday'],
    ] as const) {
      assert.throws(() => readListPage(object(size, when), parse), TypeError);
    }
  });
});
