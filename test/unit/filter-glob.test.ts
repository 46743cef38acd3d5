import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileAwsGlob } from '../../src/filter/aws-glob.ts';
import { charactersOf } from '../../src/filter/characters.ts';
import { compileGlob } from '../../src/filter/glob.ts';
import { UsageError } from '../../src/model/errors.ts';
import { pathFromText } from '../../src/model/path.ts';

/** Which of these subjects match; a final '/' means a directory. */
function matching(glob: { matches(subject: string): boolean }, subjects: string): string {
  return subjects
    .split(' ')
    .filter((subject) => glob.matches(charactersOf(pathFromText(subject))))
    .join(' ');
}

test('a glob matches whole names, at any depth unless it is anchored', () => {
  const rows = [
    ['*.txt', 'a.txt b/a.txt a.txt/x .txt a.txtx xa.tx', 'a.txt b/a.txt a.txt/x .txt'],
    ['/*.txt', 'a.txt b/a.txt', 'a.txt'],
    ['a', 'a a/ a/b x/a x/a/b ab xa', 'a a/ a/b x/a x/a/b'],
    ['a/', 'a a/ a/b x/a x/a/ x/a/b', 'a/ a/b x/a/ x/a/b'],
    ['/a/', 'a a/ a/b x/a/', 'a/ a/b'],
    ['a/b', 'a/b a/b/c x/a/b a/x/b', 'a/b a/b/c'],
    ['a/*', 'a a/ a/b a/b/c', 'a/b a/b/c'],
    ['a/*/', 'a/b a/b/ a/b/c', 'a/b/ a/b/c'],
    ['a/**', 'a a/ a/b a/b/c', 'a/b a/b/c'],
    ['a/**/b', 'a/b a/x/b a/x/y/b ab a/xb', 'a/b a/x/b a/x/y/b'],
    ['**/a/b', 'a/b x/a/b x/y/a/b xa/b', 'a/b x/a/b x/y/a/b'],
    ['**', 'a a/ a/b', 'a a/ a/b'],
    ['a**b', 'ab axb a/b', 'ab axb'],
    ['a?c', 'abc aéc a€c a🙂c ac a/c abbc', 'abc aéc a€c a🙂c'],
    ['[a-cé]', 'a b d é è', 'a b é'],
    ['[!a-c]', 'a d é', 'd é'],
    ['[^a-c]', 'a d', 'd'],
    ['[]a]', '] a b', '] a'],
    ['[[:digit:]_]', '1 _ a', '1 _'],
    ['[\\]]', '] \\', ']'],
    ['\\*', '* a', '*'],
    ['x[!a]y', 'xby x/y xay', 'xby'],
    ['x[+-9]y', 'x.y x/y', 'x.y'],
    ['(a|b)+.{1}$', '(a|b)+.{1}$ a', '(a|b)+.{1}$'],
    ['é*', 'é éa e', 'é éa'],
  ] as const;
  for (const [glob, subjects, expected] of rows) assert.equal(matching(compileGlob(glob), subjects), expected, glob);
});

test('a glob that no path can match, or that is malformed, is refused', () => {
  for (const glob of [
    '',
    '/',
    '//',
    'a//b',
    './a',
    'a/../b',
    '[a',
    'a/[b/c]',
    'a\\',
    '[z-a]',
    '[[:nope:]]',
    '[[.a.]]',
  ]) {
    assert.throws(() => compileGlob(glob), UsageError, glob);
  }
});

test('a glob covers a directory when it matches all there can be beneath it', () => {
  const covered = (glob: string, directories: string) =>
    directories
      .split(' ')
      .filter((directory) => compileGlob(glob).covers(directory))
      .join(' ');
  assert.equal(covered('a/**', 'a/ a/b/ b/'), 'a/ a/b/');
  assert.equal(covered('a/*', 'a/ a/b/ b/'), 'a/ a/b/');
  assert.equal(covered('a', 'a/ x/a/ b/'), 'a/ x/a/');
  assert.equal(covered('a/*/', 'a/ a/b/'), 'a/b/');
  assert.equal(covered('*.x', 'a/ a.x/'), 'a.x/');
  assert.equal(compileGlob('*').covers(''), true);
  assert.equal(compileGlob('/a').covers(''), false);
});

test('a glob reaches a directory when it can match something beneath it', () => {
  const reached = (glob: string, directories: string) =>
    directories
      .split(' ')
      .filter((directory) => compileGlob(glob).reaches(directory))
      .join(' ');
  assert.equal(reached('/a/b/c', 'a/ a/b/ a/b/c/ a/b/c/d/ b/ a/c/ x/a/'), 'a/ a/b/ a/b/c/ a/b/c/d/');
  assert.equal(reached('/a/**/c', 'a/ a/x/y/ b/'), 'a/ a/x/y/');
  assert.equal(reached('c', 'a/ a/b/'), 'a/ a/b/');
  assert.equal(compileGlob('/a/b').reaches(''), true);
});

test('SYNC_EXCLUDES match like fnmatch: stars cross slashes, nothing escapes', () => {
  const rows = [
    ['*.jpg', 'a.jpg b/a.jpg a.jpg/x a.jpg/', 'a.jpg b/a.jpg'],
    ['cache/*', 'cache cache/ cache/a cache/a/b x/cache/a', 'cache/ cache/a cache/a/b'],
    ['cache', 'cache cache/ cache/a', 'cache'],
    ['a?b', 'a/b axb aéb ab', 'a/b axb aéb'],
    ['[!a]', 'a b', 'b'],
    ['[^a]', 'a ^ b', 'a ^'],
    ['[', '[ a', '['],
    ['a\\*', 'a\\b a*', 'a\\b'],
  ] as const;
  for (const [glob, subjects, expected] of rows) assert.equal(matching(compileAwsGlob(glob), subjects), expected, glob);
  assert.equal(compileAwsGlob('cache/*').covers('cache/'), true);
  assert.equal(compileAwsGlob('cache/*.o').covers('cache/'), false);
  assert.equal(compileAwsGlob('cache/').covers('cache/'), false);
  assert.throws(() => compileAwsGlob('[z-a]'), UsageError);
});

test('bytes that are not UTF-8 are one character each and equal to nothing a pattern can spell', () => {
  assert.equal(charactersOf('caf\xe9'), 'caf\udce9');
  assert.equal(charactersOf('\xc3\xa9\xff\xe2\x82'), 'é\udcff\udce2\udc82');
  assert.equal(charactersOf('\xed\xa0\x80'), '\udced\udca0\udc80');
  assert.equal(compileGlob('caf?').matches(charactersOf('caf\xe9')), true);
  assert.equal(compileGlob('café').matches(charactersOf('caf\xe9')), false);
});
