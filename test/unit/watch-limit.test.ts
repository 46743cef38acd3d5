import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchLimitWarning } from '../../src/watch/watch-limit.ts';

test('the warning says how many watches are needed and a limit with room to grow', () => {
  const line = watchLimitWarning(8_192, 100_000);
  assert.match(line, /8192 are held, at least 100000 are needed/);
  assert.match(line, /sysctl fs\.inotify\.max_user_watches=262144/);
  assert.equal(line.includes('\n'), false);
});

test('a small need is not answered with a small limit', () => {
  assert.match(watchLimitWarning(4, 5), /max_user_watches=65536/);
});
