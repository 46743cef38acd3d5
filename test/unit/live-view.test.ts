// What `awssyncer status --watch` draws: every size of terminal gets what fits, and nothing but our own styles steers it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Line, paint } from '../../src/cli/live/paint.ts';
import { sparkline } from '../../src/cli/live/sparkline.ts';
import { liveView, type Seen, share, statusLine } from '../../src/cli/live/view.ts';
import { cut, cutMiddle, pad, widthOf } from '../../src/cli/live/width.ts';
import type { Activity } from '../../src/ops/activity.ts';
import { harmless, harmlessLines } from '../../src/ops/harmless.ts';

const NOW_MS = new Date(2026, 4, 5, 12, 0, 0).getTime();
const ago = (seconds: number) => new Date(NOW_MS - seconds * 1000).toISOString();

/** A busy agent with something to say in every place. */
function busy(more: Partial<Activity> = {}): Activity {
  return {
    at: ago(0),
    status: {
      ...{ local: '/srv/data', remote: 's3://bucket/p/', pid: 42, commit: null, version: '1.2.3', since: ago(3_600) },
      ...{ state: 'watching', inSync: false, dirty: 3, awaitingProof: 0, inFlight: 1, oldestDirtySeconds: 4 },
      counters: { uploaded: 12, copied: 1, deleted: 2, bytes: 5_000 },
      problems: { count: 1, first: [{ path: 'locked', kind: 'failed', reason: 'AccessDenied' }] },
      heldDeletes: { count: 2, first: ['old/a', 'old/b'], reason: 'they are more than --max-delete' },
      ...{ rootBroken: null, unwatched: { count: 0, first: [] }, overflows: 0, checkpoint: null },
    },
    ...{ inSyncSince: null, behindSince: ago(4), restore: null, concurrencyLimit: 16 },
    transfers: {
      count: 1,
      first: [
        { action: 'upload', path: 'large', count: 1, bytes: 40 * 2 ** 20, sentBytes: 10 * 2 ** 20, since: ago(3) },
      ],
    },
    recent: Array.from({ length: 50 }, (_, n) => {
      return { at: ago(n + 1), action: 'uploaded', path: `file-${n}`, bytes: 1_024, ageSeconds: 0.2 } as const;
    }),
    troubles: [{ at: ago(60), level: 'warn', message: 'cannot store', fields: { path: 'locked', reason: 'no' } }],
    history: [
      { at: ago(40), seconds: 15, bytes: 15 * 1_024, objects: 30, lagSeconds: 0.5 },
      { at: ago(1), seconds: 15, bytes: 30 * 1_024, objects: 15, lagSeconds: 4 },
    ],
    watches: { used: 7, limit: 65_536 },
    lease: { isHeld: true, generation: 3 },
    approveCommand: 'awssyncer approve-deletes --state-dir /var/lib/awssyncer/x',
    ...more,
  };
}

const draw = (seen: Seen, columns: number, rows: number): string[] =>
  liveView(seen, { columns, rows, nowMs: NOW_MS, keys: 'q ends' }).map((line) =>
    paint(line, { columns, colours: false }),
  );

test('the whole picture, as a person reads it: verdict, decisions, numbers, the last minutes, what goes on and went on', () => {
  assert.deepEqual(draw({ activity: busy() }, 100, 36), [
    'awssyncer 1.2.3  process 42, started 11:00:00, 1 h 0 min ago',
    '/srv/data → s3://bucket/p/',
    '',
    '● 3 changes behind  The oldest change is of 11:59:56, 4 s ago',
    '',
    '▲ 2 deletes held back',
    '  Held because they are more than --max-delete. If they are meant, this lets them go:',
    '    awssyncer approve-deletes --state-dir /var/lib/awssyncer/x',
    '  old/a, old/b',
    '',
    'State watching   Behind 3 paths   Oldest change 4 s ago   In flight 1 of 16 at once',
    'Watches 7 of 65,536   Lease held, term 3   Checkpoint not taken   Uploaded, copied, deleted 12, 1, 2',
    'Content moved 4.9 KiB   Events lost never',
    '',
    'Throughput  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▅▁█  2.0 KiB/s, at most 2.0 KiB/s',
    'Objects     ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁█▁▅  1.0/s, at most 2.0/s',
    'Lag         ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▂▁█  4.0 s, at most 4.0 s',
    '            the last 8 minutes',
    '',
    'In flight',
    '  upload     large  10.0 MiB of 40.0 MiB  11:59:57, 3 s ago',
    '',
    'Problems',
    '  failed     locked  AccessDenied',
    '',
    'Recent changes  and 44 others',
    '  uploaded   file-0  1.0 KiB, 200 ms after the change  11:59:59, 1 s ago',
    '  uploaded   file-1  1.0 KiB, 200 ms after the change  11:59:58, 2 s ago',
    '  uploaded   file-2  1.0 KiB, 200 ms after the change  11:59:57, 3 s ago',
    '  uploaded   file-3  1.0 KiB, 200 ms after the change  11:59:56, 4 s ago',
    '  uploaded   file-4  1.0 KiB, 200 ms after the change  11:59:55, 5 s ago',
    '  uploaded   file-5  1.0 KiB, 200 ms after the change  11:59:54, 6 s ago',
    '',
    'Warnings and errors',
    '  warning    locked  cannot store, no  11:59:00, 1 min 0 s ago',
    'q ends',
  ]);
});

test('at any size it fills no more than there is, keeps the verdict while there is a row for it, and says how to end', () => {
  for (const columns of [1, 5, 20, 39, 79, 120, 300])
    for (const rows of [1, 2, 5, 10, 19, 20, 24, 60]) {
      const shown = draw({ activity: busy() }, columns, rows);
      assert.ok(shown.length <= rows, `${columns}x${rows}`);
      for (const row of shown) assert.ok(widthOf(row) <= columns, `${columns}x${rows}: ${row}`);
      assert.equal(shown.at(-1), cut('q ends', columns));
      if (rows > 5) assert.match(shown[3]!, /^(●|…)/);
    }
});

test('a restore has a bar', () => {
  const restore = { files: 1, totalFiles: 4, bytes: 256, totalBytes: 1_024, secondsLeft: 9 };
  const activity = busy();
  const shown = draw({ activity: { ...activity, status: { ...activity.status, state: 'starting' }, restore } }, 52, 24);
  assert.deepEqual(shown.slice(3, 5), [
    '● Restoring  1 of 4 files, 256 B of 1.0 KiB, 9.0 s …',
    '  ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 25 %',
  ]);
});

test('of an agent that does not answer nothing old is shown as if it were so', () => {
  const lost = { reason: 'The agent has ended', sinceMs: NOW_MS - 5_000 };
  assert.deepEqual(draw({ activity: busy(), lost }, 100, 30), [
    'awssyncer 1.2.3  process 42, started 11:00:00, 1 h 0 min ago',
    '/srv/data → s3://bucket/p/',
    '',
    '● No answer  Since 11:59:55, 5 s ago',
    '  The agent has ended. Waiting for it.',
    '  Before that: 3 changes behind',
    'q ends',
  ]);
  assert.equal(statusLine({ activity: busy(), lost }), 'no answer: The agent has ended');
});

test('a line for a pipe says nothing that changes by itself', () => {
  const line = '3 changes behind, 12 uploaded (4.9 KiB), 2 deleted, 1 in flight, 1 problem, 2 deletes held back';
  assert.equal(statusLine({ activity: busy() }), line);
  assert.equal(statusLine({ activity: busy({ at: ago(-90) }) }), line);
});

test('the rows that are left are shared: nobody gets more while another who needs it has less', () => {
  const rows: [room: number, wants: number[], shares: number[]][] = [
    [0, [3, 3], [0, 0]],
    [-4, [3], [0]],
    [5, [3, 3], [3, 2]],
    [9, [1, 50, 2], [1, 6, 2]],
    [99, [1, 2], [1, 2]],
    [5, [], []],
  ];
  for (const [room, wants, shares] of rows) assert.deepEqual(share(room, wants), shares);
});

describe('a row of bars', () => {
  const sample = (seconds: number, bytes: number) => ({
    at: ago(seconds),
    seconds: 15,
    bytes,
    objects: 1,
    lagSeconds: 0,
  });
  const options = { bars: 4, nowMs: NOW_MS, of: ({ bytes }: { bytes: number }) => bytes };

  test('each is 15 s, the latest to the right; what is older is left out', () => {
    const drawn = sparkline([sample(61, 9_000), sample(59, 700), sample(31, 350), sample(0, 0)], options);
    assert.deepEqual(drawn, { bars: '█▅▁▁', latest: 0, peak: 700 });
  });

  test('something is never drawn as nothing, and nothing has no height', () => {
    assert.equal(sparkline([sample(20, 1), sample(1, 1e9)], options).bars, '▁▁▂█');
    assert.deepEqual(sparkline([], options), { bars: '▁▁▁▁', latest: 0, peak: 0 });
  });

  test('a sample of a clock that is ahead counts as the latest', () => {
    assert.equal(sparkline([sample(-30, 5)], options).latest, 5);
  });
});

describe('S15 what others chose steers nothing', () => {
  const EVIL = '\x1b[2Ja\rb\nc\x9b31md\u202ee\u2028\x7f';

  test('in a line that is drawn, with colours and without', () => {
    const line: Line = [{ text: EVIL, styles: ['bad', 'strong'] }];
    const plain = paint(line, { columns: 200, colours: false });
    assert.equal(plain, '\\u001b[2Ja\\u000db\\u000ac\\u009b31md\\u202ee\\u2028\\u007f');
    assert.equal(paint(line, { columns: 200, colours: true }), `\x1b[31;1m${plain}\x1b[0m`);
    // However little room there is, no style is left open.
    assert.equal(paint([{ text: 'a' }, ...line], { columns: 4, colours: true }), 'a\x1b[31;1m\\u…\x1b[0m');
  });

  test('in every place of the picture', () => {
    const activity = JSON.parse(JSON.stringify(busy()), (_, value) =>
      typeof value === 'string' && Number.isNaN(Date.parse(value)) && value !== 'watching' ? value + EVIL : value,
    ) as Activity;
    const shown = draw({ activity }, 400, 60).join('\n');
    assert.doesNotMatch(shown, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]/);
    assert.doesNotMatch(statusLine({ activity }), /[\x00-\x1f]/);
  });

  test('a result in JSON is the same value, and lines stay lines', () => {
    const text = JSON.stringify({ name: EVIL });
    assert.deepEqual(JSON.parse(harmless(text)), { name: EVIL });
    assert.equal(harmlessLines('a\n\x1bb\n'), 'a\n\\u001bb\n');
  });
});

test('widths are those of a terminal: a wide character has two cells, a combining one none', () => {
  assert.deepEqual(
    ['abc', '漢字', 'e\u0301', '👩‍👩‍👧'].map((text) => widthOf(text)),
    [3, 4, 1, 2],
  );
  assert.deepEqual([cut('漢字漢字', 5), cut('漢字', 4), cut('abc', 0)], ['漢字…', '漢字', '']);
  const middles = [cutMiddle('dir/sub/name.txt', 9), cutMiddle('漢字漢字漢字', 7), cutMiddle('short', 9)];
  assert.deepEqual(middles, ['dir/….txt', '漢…字', 'short']);
  assert.equal(pad('漢', 4), '漢  ');
});
