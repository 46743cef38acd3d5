import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { childText, escapeXml, parseXml, xmlDocument } from '../strict-s3/xml.ts';

test('every text that XML 1.0 can carry survives being written and read', () => {
  const text = fc
    .string({ unit: 'grapheme' })
    .filter((value) => !/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(value));
  fc.assert(
    fc.property(text, (value) => {
      assert.equal(childText(parseXml(xmlDocument(['Root', [['Key', value]]])), 'Key'), value);
    }),
  );
});

test('elements nest, namespaces and attributes fall away', () => {
  const root = parseXml(
    '<?xml version="1.0"?><!-- c --><s:Delete xmlns:s="x"><Object><Key>a</Key></Object><Quiet/></s:Delete>\n',
  );
  assert.equal(root.name, 'Delete');
  assert.deepEqual(
    root.children.map(({ name }) => name),
    ['Object', 'Quiet'],
  );
});

test('entities, references and CDATA are text', () => {
  const root = parseXml('<A><K>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;<![CDATA[<b>&]]></K></A>');
  assert.equal(childText(root, 'K'), '<&>"\'A😀<b>&');
});

test('a raw carriage return is lost and a reference to one is not', () => {
  assert.equal(childText(parseXml('<A><K>a\r\nb\rc&#13;</K></A>'), 'K'), 'a\nb\nc\r');
});

test('control characters are written as references, which no parser of XML 1.0 accepts', () => {
  assert.equal(escapeXml('\x01'), '&#x1;');
  assert.throws(() => parseXml('<A>&#x1;</A>'), SyntaxError);
});

for (const broken of [
  '',
  'text',
  '<A>',
  '</A>',
  '<A></B>',
  '<A><B></A></B>',
  '<A/><B/>',
  '<A>&nbsp;</A>',
  '<A>a & b</A>',
  '<A>\x01</A>',
  '<A>\ud800</A>',
  '<!DOCTYPE A><A/>',
  '<A b=c/>',
  '<A>a < b</A>',
]) {
  test(`${JSON.stringify(broken)} is no document`, () => {
    assert.throws(() => parseXml(broken), SyntaxError);
  });
}
