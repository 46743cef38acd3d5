import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFilter, type FilterOptions } from '../../src/filter/filter.ts';
import { UsageError } from '../../src/model/errors.ts';
import { pathFromText, ROOT } from '../../src/model/path.ts';

/** A filter from words: '-glob' excludes, '+glob' includes. */
function filterOf(rules: string, options: Partial<FilterOptions> = {}) {
  const words = rules.split(' ').filter(Boolean);
  const filter = createFilter({
    rules: words.map((word) => ({ include: word.startsWith('+'), glob: word.slice(1) })),
    rootForRegex: '/srv/data/',
    ...options,
  });
  const split = (paths: string) => paths.split(' ').map((path) => path.replace(/\/$/, ''));
  return {
    includes: (path: string) => filter.includes(pathFromText(path.replace(/\/$/, '')), path.endsWith('/')),
    /** Of these paths, those that are included. */
    included: (paths: string) =>
      paths
        .split(' ')
        .filter((path) => filter.includes(pathFromText(path.replace(/\/$/, '')), path.endsWith('/')))
        .join(' '),
    descended: (paths: string) =>
      split(paths)
        .filter((path) => filter.descends(pathFromText(path)))
        .join(' '),
    watched: (paths: string) =>
      paths
        .split(' ')
        .filter((path) => filter.watches(pathFromText(path.replace(/\/$/, '')), path.endsWith('/')))
        .join(' '),
    filter,
  };
}

test('S16 everything is included that no rule excludes', () => {
  const { included, filter } = filterOf('');
  assert.equal(included('a a/ a/.b .hidden'), 'a a/ a/.b .hidden');
  assert.equal(filter.includes(ROOT, true) && filter.descends(ROOT) && filter.watches(ROOT), true);
});

test('S16 the last rule that matches wins', () => {
  const { included } = filterOf('-*.tmp +keep.tmp -old/');
  assert.equal(included('a.tmp keep.tmp x/keep.tmp old/keep.tmp old old/'), 'keep.tmp x/keep.tmp old');
});

test('S16 an excluded directory takes everything beneath it along, unless a later rule takes it back', () => {
  const { included, descended } = filterOf('-logs/ +/logs/keep/*.txt');
  assert.equal(included('logs/ logs/a logs/keep/a.txt logs/keep/a.log logs/keep/'), 'logs/keep/a.txt');
  assert.equal(descended('logs logs/keep logs/other x/logs'), 'logs logs/keep');
});

test('S16 only what is included after everything was excluded is descended to', () => {
  const { included, descended } = filterOf('-* +/world/');
  assert.equal(included('world/ world/a world/a/b other/world/a a'), 'world/ world/a world/a/b');
  assert.equal(descended('world world/a other other/world'), 'world world/a');
  assert.equal(filterOf('-*').filter.descends(ROOT), false);
});

test('S16 a later exclude of everything beneath a directory prunes it again', () => {
  const { descended } = filterOf('-* +*.txt -cache/**');
  assert.equal(descended('a cache cache/a x/cache'), 'a x/cache');
});

test('the names the agent keeps for itself are never included', () => {
  const { included, descended } = filterOf('+*', { readyFile: pathFromText('run/ready') });
  assert.equal(included('.volume_ready a/.volume_ready'), 'a/.volume_ready');
  assert.equal(included('.awssyncer-tmp-1 a/.awssyncer-tmp-1 a.awssyncer-tmp-1'), 'a.awssyncer-tmp-1');
  assert.equal(included('run/ready run/ready2 run/'), 'run/ready2 run/');
  assert.equal(descended('.awssyncer-tmp-1 .volume_ready a'), 'a');
});

test('S16 SYNC_EXCLUDES exclude on top of the rules, and a restore goes without them', () => {
  const syncExcludes = ['*.jpg', 'cache/*'];
  const { included, descended } = filterOf('+a.jpg', { syncExcludes });
  assert.equal(included('a.jpg x/b.jpg a.png cache cache/ cache/a'), 'a.png cache');
  assert.equal(descended('cache cache/a x'), 'x');
  assert.equal(filterOf('').included('a.jpg cache/a'), 'a.jpg cache/a');
});

test('S16 FILTER_REGEX is searched in the absolute path; a match is not watched but still included', () => {
  const { watched, included, descended } = filterOf('', { filterRegex: '^/srv/data/tmp/|\\.swp$' });
  assert.equal(watched('a tmp tmp/ tmp/a tmp/a/b x/tmp/ a.swp a.swp/'), 'a tmp x/tmp/ a.swp/');
  assert.equal(included('tmp/ tmp/a a.swp'), 'tmp/ tmp/a a.swp');
  assert.equal(descended('tmp'), 'tmp');
});

test('S16 what lies beneath a directory that FILTER_REGEX matches is not watched, as the original never armed it', () => {
  const { watched } = filterOf('', { filterRegex: '/build/$' });
  assert.equal(watched('build build/ build/a build/a/b x'), 'build x');
});

test('FILTER_REGEX sees LOCAL with or without a final slash alike, and names in UTF-8', () => {
  for (const rootForRegex of ['/srv/data', '/srv/data/']) {
    assert.equal(filterOf('', { rootForRegex, filterRegex: '^/srv/data/é.$' }).watched('éx xé é'), 'xé é');
  }
  assert.equal(filterOf('', { rootForRegex: '/', filterRegex: '^/tmp/' }).watched('tmp/ a'), 'a');
});

test('an empty FILTER_REGEX is unset; one that matches LOCAL itself, or cannot be translated, is refused', () => {
  assert.equal(filterOf('', { filterRegex: '' }).watched('a'), 'a');
  assert.throws(() => filterOf('', { filterRegex: 'data' }), /matches LOCAL itself/);
  assert.throws(() => filterOf('', { filterRegex: '\\w' }), UsageError);
  assert.throws(() => filterOf('-['), UsageError);
});
