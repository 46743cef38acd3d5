import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileAwsGlob } from '../../src/filter/aws-glob.ts';
import { charactersOf } from '../../src/filter/characters.ts';
import { createFilter } from '../../src/filter/filter.ts';
import { compileGlob } from '../../src/filter/glob.ts';
import type { FilterRule } from '../../src/filter/path-filter.ts';
import { namesOf, parentOf, pathFromText, type RelPath, ROOT } from '../../src/model/path.ts';

// A tiny alphabet, so that globs and paths meet: one ASCII letter more than the globs know, one character of two bytes.
const name = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), minLength: 1, maxLength: 3 });
const names = fc.array(name, { minLength: 1, maxLength: 4 });
const namePattern = fc
  .array(fc.constantFrom('a', 'b', 'é', '*', '?', '[ab]', '[!a]'), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(''));
const glob = fc
  .tuple(fc.boolean(), fc.array(fc.oneof(namePattern, fc.constant('**')), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([anchored, parts, directory]) => (anchored ? '/' : '') + parts.join('/') + (directory ? '/' : ''));
const rules = fc.array(fc.record({ include: fc.boolean(), glob }), { maxLength: 5 });

/** Whether a name matches, by trying every split at every star. */
function naiveName(pattern: readonly string[], text: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return text.length === 0;
  if (head === '*') return text.some((_, index) => naiveName(rest, text.slice(index))) || naiveName(rest, []);
  const [first, ...others] = text;
  if (first === undefined) return false;
  const fits =
    head === '?' ||
    (head === '[ab]' ? first === 'a' || first === 'b' : head === '[!a]' ? first !== 'a' : head === first);
  return fits && naiveName(rest, others);
}

function naiveNames(pattern: readonly string[], path: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return path.length === 0;
  const [first, ...others] = path;
  if (/^\*\*+$/.test(head)) {
    // As the last name it needs something beneath, before others it may stand for no directory at all.
    if (rest.length === 0) return path.length > 0;
    return naiveNames(rest, path) || (first !== undefined && naiveNames(pattern, others));
  }
  return first !== undefined && naiveName(head.match(/\[[^\]]*\]|./gsu) ?? [], [...first]) && naiveNames(rest, others);
}

/** Whether the glob matches the path or one of the directories above it, straight from the definition. */
function naiveGlob(text: string, path: readonly string[], isDirectory: boolean): boolean {
  const directory = text.endsWith('/');
  const body = text.replace(/^\//, '').replace(/\/$/, '');
  const pattern = (text.startsWith('/') || body.includes('/') ? body : `**/${body}`).split('/');
  return path.some((_, index) => {
    const whole = index === path.length - 1;
    return (!directory || !whole || isDirectory) && naiveNames(pattern, path.slice(0, index + 1));
  });
}

function naiveIncludes(list: readonly FilterRule[], path: readonly string[], isDirectory: boolean): boolean {
  return list.findLast((rule) => naiveGlob(rule.glob, path, isDirectory))?.include ?? true;
}

const toPath = (list: readonly string[]): RelPath => pathFromText(list.join('/'));

test('a compiled glob agrees with a naive matcher', () => {
  fc.assert(
    fc.property(glob, names, fc.boolean(), (text, path, isDirectory) => {
      const subject = charactersOf(toPath(path)) + (isDirectory ? '/' : '');
      assert.equal(compileGlob(text).matches(subject), naiveGlob(text, path, isDirectory));
    }),
    { numRuns: 5_000 },
  );
});

test('S16 the filter agrees with the last matching rule', () => {
  fc.assert(
    fc.property(rules, names, fc.boolean(), (list, path, isDirectory) => {
      const filter = createFilter({ rules: list, rootForRegex: '/' });
      assert.equal(filter.includes(toPath(path), isDirectory), naiveIncludes(list, path, isDirectory));
    }),
    { numRuns: 3_000 },
  );
});

test('S16 a walk that descends where it is told to finds every included path', () => {
  const syncExcludes = fc.array(fc.constantFrom('a/*', '*b', 'b*', '*/a', '[ab]/*', 'é', 'a/', '*/'), { maxLength: 2 });
  fc.assert(
    fc.property(rules, syncExcludes, names, fc.boolean(), (list, excludes, path, isDirectory) => {
      const filter = createFilter({ rules: list, syncExcludes: excludes, rootForRegex: '/' });
      const target = toPath(path);
      if (!filter.includes(target, isDirectory)) return;
      for (let dir = target; dir !== ROOT; ) {
        dir = parentOf(dir);
        assert.equal(filter.descends(dir), true, `${dir} was pruned`);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('S16 with one rule, a directory is descended to exactly when something beneath it can be included', () => {
  const reachable = fc.sample(names, { numRuns: 300, seed: 1 });
  fc.assert(
    fc.property(glob, fc.array(name, { maxLength: 2 }), (text, dir) => {
      const filter = createFilter({
        rules: [
          { include: false, glob: '*' },
          { include: true, glob: text },
        ],
        rootForRegex: '/',
      });
      if (!filter.descends(toPath(dir))) {
        for (const tail of reachable) assert.equal(filter.includes(toPath([...dir, ...tail]), true), false);
        return;
      }
      // Names of two letters spell everything a name pattern of this alphabet can ask for, but for its length.
      const found = witnesses(text, dir).some((path) => naiveIncludes([{ include: true, glob: text }], path, true));
      assert.equal(found, true, `nothing beneath ${dir.join('/')} is matched by ${text}`);
    }),
    { numRuns: 2_000 },
  );
});

/** Paths beneath `dir` that spell out what the rest of the glob asks for, from every point it may have come to. */
function witnesses(text: string, dir: readonly string[]): string[][] {
  const spelled = text
    .split('/')
    .filter((part) => part !== '' && !/^\*\*+$/.test(part))
    .map(
      (part) => part.replaceAll('[ab]', 'b').replaceAll('[!a]', 'b').replaceAll('?', 'b').replaceAll('*', '') || 'b',
    );
  return [...spelled.map((_, index) => [...dir, ...spelled.slice(index)]), [...dir, 'b']];
}

test('an aws-style glob agrees with a naive matcher over the whole path', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', '/', 'é', '*', '?', '[ab]', '[!a]'), { maxLength: 5 }),
      names,
      (parts, path) => {
        // Its star and question mark match slashes, so to the naive matcher the path is one name.
        assert.equal(compileAwsGlob(parts.join('')).matches(path.join('/')), naiveName(parts, [...path.join('/')]));
      },
    ),
    { numRuns: 3_000 },
  );
});

test('an aws-style glob that covers a directory matches everything beneath it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', '/', '*', '?', '[ab]'), { maxLength: 5 }),
      names,
      names,
      (parts, dir, tail) => {
        const compiled = compileAwsGlob(parts.join(''));
        if (!compiled.covers(`${dir.join('/')}/`)) return;
        assert.equal(compiled.matches([...dir, ...tail].join('/')), true);
      },
    ),
    { numRuns: 3_000 },
  );
});

test('S14 different byte strings stay different characters, and slashes stay where they are', () => {
  const bytes = fc
    .uint8Array({ minLength: 1, maxLength: 6 })
    .map((raw) => Buffer.from(raw).toString('latin1') as RelPath);
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.equal(charactersOf(a) === charactersOf(b), a === b);
      assert.equal(charactersOf(a).split('/').length, namesOf(a).length);
    }),
    { numRuns: 3_000 },
  );
});
