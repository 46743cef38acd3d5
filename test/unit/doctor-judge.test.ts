// One row for each line that doctor may say about a fact.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as bucket from '../../src/doctor/judge-bucket.ts';
import * as machine from '../../src/doctor/judge-machine.ts';
import { type Answer, exitCodeOf, type State, showVerdict } from '../../src/doctor/verdict.ts';

const MIB = 1024 ** 2;

function is(answer: Answer, state: State, text: RegExp, remedy?: RegExp): void {
  assert.equal(answer.state, state, answer.text);
  assert.match(answer.text, text);
  if (remedy === undefined) assert.equal(answer.remedy, undefined);
  else assert.match(answer.remedy ?? '', remedy);
}

test('a file system: local, of other machines, of a container', () => {
  const facts = { type: 'ext4', point: '/srv', isOwn: false, remote: undefined };
  is(machine.judgeFileSystem(facts), 'ok', /^ext4, mounted at \/srv$/);
  is(machine.judgeFileSystem({ ...facts, isOwn: true }), 'ok', /^ext4, a mount of its own$/);
  is(
    machine.judgeFileSystem({ ...facts, type: 'nfs4', remote: 'NFS' }),
    'warn',
    /other machines do on NFS/,
    /--audit-interval/,
  );
  is(
    machine.judgeFileSystem({ ...facts, type: 'fuse.sshfs', remote: 'FUSE' }),
    'warn',
    /^fuse\.sshfs.* on FUSE/,
    /local disk/,
  );
  is(machine.judgeFileSystem({ ...facts, type: 'overlay' }), 'warn', /container's own layer/, /volume/);
});

test('mounts beneath LOCAL', () => {
  is(machine.judgeMounts([], { crossMounts: false }), 'ok', /nothing/);
  is(machine.judgeMounts(['a', 'b'], { crossMounts: true }), 'ok', /^2 .*: a, b$/);
  is(
    machine.judgeMounts(['a', 'b', 'c', 'd'], { crossMounts: false }),
    'warn',
    /^4 .*: a, b, c and more$/,
    /--cross-mounts.*--exclude/,
  );
});

test('directories that cannot be read', () => {
  const facts = { directories: 3, isWhole: true, unreadable: [], unreadableCount: 0 };
  is(machine.judgeTree(facts), 'ok', /every directory can be read/);
  is(machine.judgeTree({ ...facts, isWhole: false }), 'ok', /looked at in time/);
  is(
    machine.judgeTree({ ...facts, unreadable: ['a', 'b', 'c', 'd'], unreadableCount: 9 }),
    'fail',
    /^9 .*: a, b, c and more$/,
    /--exclude/,
  );
});

test('watches: as many as directories are enough', () => {
  const facts = { directories: 10, isWhole: true, unreadable: [], unreadableCount: 0 };
  is(
    machine.judgeWatches(facts, { watches: 10, remedy: 'r' }),
    'ok',
    /^10 directories to watch, 10 inotify watches are granted$/,
  );
  is(machine.judgeWatches(facts, { watches: 9, remedy: 'r' }), 'warn', /--poll-interval/, /^r$/);
  is(machine.judgeWatches({ ...facts, isWhole: false }, { watches: 10, remedy: 'r' }), 'ok', /^at least 10/);
  is(machine.judgeWatches(facts, { watches: null, remedy: 'r' }), 'ok', /does not tell/);
});

test('the queue of events', () => {
  is(machine.judgeQueue({ queuedEvents: 16_384, instances: 128 }), 'ok', /16384 events, of 128 inotify instances/);
  is(
    machine.judgeQueue({ queuedEvents: 16_383, instances: null }),
    'warn',
    /full scan/,
    /^sysctl fs\.inotify\.max_queued_events=16384$/,
  );
  is(machine.judgeQueue({ queuedEvents: null, instances: null }), 'ok', /does not tell/);
});

test('the state directory', () => {
  const facts = { path: '/s', exists: true, freeBytes: 100 * MIB, warnings: [], holder: undefined };
  is(machine.judgeState(facts), 'ok', /^\/s can be used, 100\.0 MiB free$/);
  is(machine.judgeState({ ...facts, exists: false }), 'ok', /can be made/);
  is(machine.judgeState({ ...facts, freeBytes: 100 * MIB - 1 }), 'warn', /only 100\.0 MiB free/, /make room/);
  is(machine.judgeState({ ...facts, holder: 'another' }), 'warn', /in use by another/, /stop it/);
  is(machine.judgeState({ ...facts, warnings: ['It is remote.'] }), 'warn', /^It is remote$/, /--state-dir/);
  is(machine.judgeState({ ...facts, path: null }), 'warn', /nothing is remembered/, /--state-dir/);
});

test('the clock, to two seconds either way', () => {
  for (const aheadMs of [-2_000, 0, 2_000]) is(bucket.judgeClock(aheadMs), 'ok', /the server's/);
  is(bucket.judgeClock(2_001), 'warn', /^is 2\.0 s behind/, /NTP/);
  is(bucket.judgeClock(-90_000), 'warn', /^is 1 min 30 s ahead of/, /NTP/);
});

test('versions and lifecycle', () => {
  is(bucket.judgeVersions('Enabled'), 'ok', /^are kept/);
  is(bucket.judgeVersions('Suspended'), 'ok', /^are not kept any more/);
  is(bucket.judgeVersions(undefined), 'ok', /^are not kept;/);
  is(bucket.judgeLifecycle(7), 'ok', /after 7 days/);
  is(bucket.judgeLifecycle(undefined), 'warn', /cost money/, /AbortIncompleteMultipartUpload/);
});

test('latency is the median, throughput in numbers that people understand', () => {
  assert.deepEqual(bucket.judgeLatency([90, 1, 12]).numbers, { latencyMs: 12 });
  is(bucket.judgeLatency([90, 1, 12]), 'ok', /takes 12 ms .*median of 3/);
  is(bucket.judgeLatency([0.4]), 'ok', /less than 1 ms/);
  const throughput = bucket.judgeThroughput({ bytes: 5 * MIB, ms: 5_000 }, { bytes: 5 * MIB, ms: 500 });
  is(throughput, 'ok', /^1\.0 MiB\/s up, 10\.0 MiB\/s down .*: 1 GiB takes about 17 min 4 s up, 1 min 42 s down$/);
  assert.deepEqual(throughput.numbers, { uploadBytesPerSecond: MIB, downloadBytesPerSecond: 10 * MIB });
});

test('a verdict is one line, and only a failure is one', () => {
  const verdict = { check: 'put', state: 'fail', text: 'It is\n not allowed.', remedy: 'allow it' } as const;
  assert.equal(showVerdict(verdict), 'fail  put           It is not allowed. Remedy: allow it\n');
  assert.equal(
    exitCodeOf([
      { ...verdict, state: 'warn' },
      { ...verdict, state: 'skip' },
      { ...verdict, state: 'ok' },
    ]),
    0,
  );
  assert.equal(exitCodeOf([{ ...verdict, state: 'ok' }, verdict]), 1);
});
