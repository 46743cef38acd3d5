// Paths and keys are bytes: nothing is lost between the kernel's name, the path, the object's key and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  fileKey,
  hashedOf,
  isListedApart,
  isMarker,
  isTooLong,
  keyOfName,
  MAX_PREFIX_BYTES,
  markerKey,
  objectKey,
  pathOfKey,
  type RelKey,
  relativeKey,
  storedKey,
} from '../../src/model/key.ts';
import {
  bytesOf,
  displayPath,
  isWithin,
  joinPath,
  nameOf,
  namesOf,
  parentOf,
  pathFromBytes,
  pathFromText,
  type RelPath,
  ROOT,
  textOf,
} from '../../src/model/path.ts';

/** A name: any bytes but NUL and '/'. */
const nameBytes = fc
  .uint8Array({ minLength: 1, maxLength: 6 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte))));
const path = fc
  .array(nameBytes, { minLength: 1, maxLength: 4 })
  .map((names) => pathFromBytes(Buffer.from(names.map((name) => name.toString('latin1')).join('/'), 'latin1')));

test('S14 a path keeps every byte of its name', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.deepEqual(bytesOf(pathFromBytes(bytes)), Buffer.from(bytes));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(bytesOf(pathFromText(text)).toString(), text);
      assert.equal(textOf(pathFromText(text)), text);
    }),
  );
});

test('a path is made of its names, and lies within each of its parents and no neighbour', () => {
  fc.assert(
    fc.property(path, (p) => {
      assert.equal(namesOf(p).reduce<RelPath>(joinPath, ROOT), p);
      assert.equal(joinPath(parentOf(p), nameOf(p)), p);
      for (let up = p; up !== ROOT; up = parentOf(up)) {
        assert.ok(isWithin(p, up));
        assert.ok(!isWithin(`${up}x` as RelPath, up));
      }
      assert.ok(isWithin(p, ROOT));
      assert.equal(isWithin(parentOf(p), p), false);
    }),
  );
  assert.deepEqual([namesOf(ROOT), parentOf(ROOT), parentOf('a' as RelPath)], [[], ROOT, ROOT]);
});

test('text is what is valid UTF-8 and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
      // Independent: decoding with replacement is the identity exactly for valid UTF-8.
      const valid = Buffer.from(Buffer.from(bytes).toString('utf8'), 'utf8').equals(Buffer.from(bytes));
      assert.equal(textOf(pathFromBytes(bytes)) !== undefined, valid);
    }),
    { numRuns: 1_000 },
  );
  assert.equal(textOf('\xef\xbb\xbfa'), '\ufeffa', 'a byte order mark is part of the name');
});

test('S15 what people see holds no control character and tells names apart', () => {
  fc.assert(
    fc.property(path, path, (a, b) => {
      assert.doesNotMatch(displayPath(a), /[\x00-\x1f\x7f-\x9f]/);
      if (a !== b) assert.notEqual(displayPath(a), displayPath(b));
    }),
  );
  assert.deepEqual(
    [displayPath(''), displayPath('caf\xc3\xa9'), displayPath('caf\xe9'), displayPath('a\nb'), displayPath('\\x0a')],
    ['.', 'café', 'caf\\xe9', 'a\\x0ab', '\\\\x0a'],
  );
  // CSI of eight bits, as UTF-8 and alone.
  assert.deepEqual(['\xc2\x9b31m', '\x9b31m'].map(displayPath), ['\\xc2\\x9b31m', '\\x9b31m']);
});

test('S14 a key and its path are the same bytes; a name that S3 can carry comes back from its object', () => {
  fc.assert(
    fc.property(path, fc.constantFrom('', 'p/', 'café/'), (p, prefix) => {
      for (const key of [fileKey(p), markerKey(p)]) {
        assert.equal(pathOfKey(key), p);
        const whole = objectKey(prefix, key);
        assert.equal(whole.startsWith(`${prefix}.awssyncer/names/`), isListedApart(prefix, key));
        const back = relativeKey(prefix, whole);
        if (typeof back !== 'object') assert.equal(back, key);
        else
          assert.ok(
            namesOf(p).some((name) => name === '.' || name === '..'),
            back.impossible,
          );
      }
      assert.deepEqual([isMarker(fileKey(p)), isMarker(markerKey(p))], [false, true]);
    }),
    { numRuns: 1_000 },
  );
});

function impossible(value: unknown): string {
  return (value as { impossible: string }).impossible;
}

test('S14 names that S3 cannot carry have keys of their own, others are what they are', () => {
  const keyOf = (key: string) => objectKey('p/', key as RelKey);
  assert.equal(keyOf('caf\xe9'), 'p/.awssyncer/names/caf%E9');
  assert.equal(keyOf('d \xff/100%/a~b-c_d.e\x01/'), 'p/.awssyncer/names/d%20%FF/100%25/a~b-c_d.e%01/');
  assert.equal(keyOf(pathFromText('é\ufffe')), 'p/.awssyncer/names/%C3%A9%EF%BF%BE');
  for (const text of ['\x01', '\x1f', '\ufffe', '\uffff'])
    assert.ok(isListedApart('', fileKey(pathFromText(text))), text);
  for (const text of ['\t', '\n', '\r', '\x7f', '\ufffd'])
    assert.equal(objectKey('', fileKey(pathFromText(text))), text);
});

test('S14 a key of up to 1,024 bytes is its own place; a longer one is kept under its hash, whatever the prefix', () => {
  const fits = fileKey(pathFromText('é'.repeat(511)));
  assert.deepEqual([isListedApart('p/', fits), isListedApart('pp/', fits)], [false, true]);
  assert.equal(storedKey('p/', objectKey('p/', fits)), `p/${'é'.repeat(511)}`);
  const hashed = storedKey('pp/', objectKey('pp/', fits));
  assert.match(hashed, /^pp\/\.awssyncer\/names\/\.h\/[0-9a-f]{64}$/);
  assert.deepEqual(
    [hashedOf('pp/', hashed), hashedOf('pp/', keyOfName(hashed)), hashedOf('p/', hashed)],
    [...[hashed, hashed, undefined]],
  );
  const longest = `${'é'.repeat((MAX_PREFIX_BYTES - 1) / 2)}/`;
  assert.equal(Buffer.byteLength(keyOfName(storedKey(longest, longest + 'x'.repeat(1_024)))), 1_024);
  for (const odd of ['', '.name', '/x', 'A', `${'0'.repeat(64)}.name.name`, `x/${'0'.repeat(64)}`])
    assert.equal(hashedOf('p/', `p/.awssyncer/names/.h/${odd}`), undefined, odd);
  const deep = fc.array(nameBytes, { minLength: 150, maxLength: 600 });
  const anyPath = fc.oneof(
    path,
    deep.map((names) => pathFromBytes(Buffer.from(names.map((name) => name.toString('latin1')).join('/'), 'latin1'))),
  );
  fc.assert(
    fc.property(anyPath, anyPath, fc.constantFrom('', 'p/', longest), (a, b, prefix) => {
      const places = [fileKey(a), markerKey(a), fileKey(b), markerKey(b)].map((key) => {
        const whole = objectKey(prefix, key);
        const stored = storedKey(prefix, whole);
        assert.ok(Buffer.byteLength(stored) <= 1_024);
        assert.equal(stored !== whole, isTooLong(whole));
        assert.equal(hashedOf(prefix, stored), isTooLong(whole) ? stored : undefined);
        return stored;
      });
      assert.equal(new Set(places).size, a === b ? 2 : 4);
    }),
  );
});

test('S14 no two keys are taken for one path: what is listed as a path is where that path is stored', () => {
  const piece = fc.constantFrom(
    'a',
    '%',
    '%41',
    '%FF',
    '%ff',
    '%2F',
    '/',
    '\x01',
    '\ufffe',
    'é',
    ' ',
    '.awssyncer/names/',
    '.awssyncer',
    '..',
  );
  fc.assert(
    fc.property(fc.constantFrom('', 'p/'), fc.array(piece, { maxLength: 6 }), (prefix, pieces) => {
      const listed = prefix + pieces.join('');
      const key = relativeKey(prefix, listed);
      if (typeof key === 'string') assert.equal(objectKey(prefix, key), listed);
    }),
    { numRuns: 2_000 },
  );
});

test('S9 keys that are no path in the tree are told, with the reason', () => {
  const cases: [key: string, reason: RegExp][] = [
    ['p/../x', /the name \.\./],
    ['p/..', /the name \.\./],
    ['p/./x', /the name \./],
    ['p/a//b', /empty name/],
    ['p//', /empty name/],
    ['p//a', /empty name/],
    ['p/', /empty name/],
    ['p/a\0b', /NUL/],
    [`p/${'x'.repeat(256)}`, /256 bytes, Linux allows 255/],
    [`p/${'x/'.repeat(2_048)}x`, /4097 bytes, Linux allows 4095/],
    ['q/a', /prefix/],
  ];
  for (const [key, reason] of cases) assert.match(impossible(relativeKey('p/', key)), reason);
  for (const name of ['x', '%e9', '%41', '%C3%A9', 'a/%', '%zz', 'a b%FF'])
    assert.match(impossible(relativeKey('p/', `p/.awssyncer/names/${name}`)), /no encoded name/, name);
  assert.match(impossible(relativeKey('p/', 'p/.awssyncer/names/..%2F%FF')), /no encoded name|name \.\./);
  assert.match(impossible(relativeKey('p/', 'p/.awssyncer/names/a/../%FF')), /the name \.\./);
  const alias = relativeKey('p/', 'p/a\x01b');
  assert.deepEqual(alias, { impossible: 'its name holds what awssyncer keeps encoded', alias: 'a\x01b' });
  for (const key of ['p/...', 'p/a/', 'p/ ', `p/${'x'.repeat(255)}`, 'p/..a'])
    assert.equal(relativeKey('p/', key), key.slice(2));
});
