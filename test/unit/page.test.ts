// What the status page makes of an agent's numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Activity } from '../../src/ops/activity.ts';
import type { AgentStatus } from '../../src/ops/control.ts';
import { showBytes as showBytesInLog } from '../../src/ops/units.ts';

type Said = { readonly kind: string; readonly headline: string; readonly since: string };
type Alarm = { readonly title: string; readonly text: string; readonly command: string | null };

/** A module of the page: JavaScript, that has its types elsewhere. */
const load = (name: string) => import(new URL(`../../src/ops/page/${name}`, import.meta.url).href);

const { verdictOf, alarmsOf, factsOf } = (await load('reading.js')) as {
  readonly verdictOf: (activity: Activity, nowMs: number) => Said;
  readonly alarmsOf: (activity: Activity) => Alarm[];
  readonly factsOf: (activity: Activity, nowMs: number) => [string, string][];
};
const { showBytes, showSeconds, showAge, showTime, plural } = (await load('words.js')) as {
  readonly showBytes: (bytes: number) => string;
  readonly showSeconds: (seconds: number) => string;
  readonly showAge: (seconds: number) => string;
  readonly showTime: (iso: string, nowMs: number) => string;
  readonly plural: (count: number, one: string, many?: string) => string;
};

const NOW_MS = new Date(2026, 4, 5, 12, 0, 0).getTime();
const ago = (seconds: number) => new Date(NOW_MS - seconds * 1000).toISOString();
const NONE = { count: 0, first: [] };

function activity(status: Partial<AgentStatus>, more: Partial<Omit<Activity, 'status'>> = {}): Activity {
  return {
    status: {
      ...{
        state: 'watching',
        inSync: false,
        dirty: 0,
        awaitingProof: 0,
        inFlight: 0,
        counters: {},
        problems: NONE,
        rootBroken: null,
      },
      ...{ heldDeletes: { ...NONE, reason: null }, unwatched: NONE, overflows: 0, checkpoint: null },
      ...status,
    } as AgentStatus,
    ...{ inSyncSince: null, behindSince: null, restore: null, lease: null, approveCommand: null, concurrencyLimit: 0 },
    watches: { used: 3, limit: null },
    ...more,
  } as Activity;
}

const PROBLEM = { count: 1, first: [{ path: 'a', kind: 'failed', reason: 'refused' }] };
const HELD = { count: 3, first: ['a'], reason: 'LOCAL is empty' };
const RESTORE = { files: 1_200, totalFiles: 9_000, bytes: 1_024, totalBytes: 4_096, secondsLeft: 75 };

test('the verdict: one line for each state an agent can be in', () => {
  const rows: [status: Partial<AgentStatus>, more: Partial<Activity>, said: Said][] = [
    [{ state: 'starting' }, {}, { kind: 'busy', headline: 'Starting', since: 'Finding out what S3 holds' }],
    [
      { state: 'starting' },
      { lease: { isHeld: false, generation: 0 } },
      { kind: 'busy', headline: 'Starting', since: 'Waiting for the lease' },
    ],
    [
      { state: 'starting' },
      { restore: RESTORE, lease: { isHeld: true, generation: 1 } },
      { kind: 'busy', headline: 'Restoring', since: '1,200 of 9,000 files, 1.0 KiB of 4.0 KiB, 1 min 15 s left' },
    ],
    [
      { state: 'starting' },
      { restore: { ...RESTORE, secondsLeft: null } },
      { kind: 'busy', headline: 'Restoring', since: '1,200 of 9,000 files, 1.0 KiB of 4.0 KiB' },
    ],
    [
      { inSync: true },
      { inSyncSince: ago(130) },
      { kind: 'good', headline: 'In sync', since: 'Since 11:57:50, 2 min 10 s ago' },
    ],
    [
      { dirty: 1 },
      { behindSince: ago(59) },
      { kind: 'busy', headline: '1 change behind', since: 'The oldest change is of 11:59:01, 59 s ago' },
    ],
    [
      { dirty: 2, awaitingProof: 2 },
      {},
      {
        ...{ kind: 'busy', headline: '2 changes behind' },
        since: 'Requests that were cut off may yet execute: S3 is asked when they cannot',
      },
    ],
    [
      { dirty: 2_000 },
      { behindSince: ago(60) },
      { kind: 'late', headline: '2,000 changes behind', since: 'The oldest change is of 11:59:00, 1 min 0 s ago' },
    ],
    [{ dirty: 2, problems: PROBLEM }, {}, { kind: 'late', headline: '2 changes behind', since: '' }],
    [{ problems: PROBLEM }, {}, { kind: 'late', headline: 'Not in sync', since: '1 problem' }],
    [{ heldDeletes: HELD }, {}, { kind: 'late', headline: 'Not in sync', since: '3 deletes held back' }],
    [{ rootBroken: 'it is gone', dirty: 1 }, {}, { kind: 'bad', headline: 'Not in sync', since: '' }],
    [{ state: 'ending' }, {}, { kind: 'busy', headline: 'Ending', since: '' }],
    [
      { state: 'ending', dirty: 4 },
      { behindSince: ago(2) },
      { kind: 'busy', headline: 'Ending, 4 changes behind', since: 'The oldest change is of 11:59:58, 2 s ago' },
    ],
  ];
  for (const [status, more, said] of rows) assert.deepEqual(verdictOf(activity(status, more), NOW_MS), said);
});

test('alarms are what does not get better by waiting, each with what to do', () => {
  assert.deepEqual(alarmsOf(activity({ inSync: true }, { lease: { isHeld: true, generation: 2 } })), []);
  assert.deepEqual(alarmsOf(activity({ state: 'starting' }, { lease: { isHeld: false, generation: 0 } })), []);
  const all = activity(
    { rootBroken: 'it was unmounted', heldDeletes: HELD, unwatched: { count: 1, first: ['d'] } },
    { lease: { isHeld: false, generation: 2 }, approveCommand: 'awssyncer approve-deletes --state-dir /s' },
  );
  const alarms = alarmsOf(all);
  assert.deepEqual(
    alarms.map(({ title }) => title),
    [
      'LOCAL cannot be trusted as the source',
      '3 deletes held back',
      'The lease is not held',
      '1 directory cannot be watched',
    ],
  );
  assert.deepEqual(
    alarms.map(({ command }) => command),
    [null, 'awssyncer approve-deletes --state-dir /s', null, null],
  );
  const [held] = alarmsOf(activity({ heldDeletes: HELD }));
  assert.equal(held?.command, null);
  assert.match(held!.text, /LOCAL is empty.*restart with a higher --max-delete/);
});

test('facts say what there is room for', () => {
  const facts = (...args: Parameters<typeof activity>) => Object.fromEntries(factsOf(activity(...args), NOW_MS));
  const idle = facts({ inSync: true });
  assert.deepEqual(
    [idle['Watches'], idle['Lease'], idle['In flight'], idle['Checkpoint']],
    ['3', 'none', '0', 'not taken'],
  );
  const busy = facts(
    {
      dirty: 1_500,
      inFlight: 4,
      overflows: 1,
      checkpoint: { id: 'x', ageSeconds: 0 },
      counters: { uploaded: 1_000, bytes: 2_048 },
    },
    { concurrencyLimit: 16, watches: { used: 7, limit: 65_536 }, lease: { isHeld: true, generation: 9 } },
  );
  assert.deepEqual(
    [
      'Behind',
      'In flight',
      'Watches',
      'Lease',
      'Checkpoint',
      'Uploaded, copied, deleted',
      'Content moved',
      'Events lost',
    ].map((name) => busy[name]),
    [
      '1,500 paths',
      '4 of 16 at once',
      '7 of 65,536',
      'held, term 9',
      'of the present',
      '1,000, 0, 0',
      '2.0 KiB',
      '1 time',
    ],
  );
  assert.equal(facts({ checkpoint: { id: null, ageSeconds: null } })['Checkpoint'], 'none yet');
  assert.equal(facts({ checkpoint: { id: 'x', ageSeconds: 90 } })['Checkpoint'], '1 min 30 s old');
});

test('numbers and times for people', () => {
  for (const bytes of [0, 1, 1_023, 1_024, 1_048_524, 1_048_525, 5e12, 1e18])
    assert.equal(showBytes(bytes), showBytesInLog(bytes));
  const seconds = [0, 0.0124, 0.9996, 9.94, 9.96, 59.4, 59.6, 3_599.6, 86_399, 90_000];
  assert.deepEqual(seconds.map(showSeconds), [
    ...['0 ms', '12 ms', '1.0 s', '9.9 s', '10 s', '59 s', '1 min 0 s', '1 h 0 min', '23 h 59 min', '1 d 1 h'],
  ]);
  assert.deepEqual([-3, 0.9, 1.9, 59.9, 61].map(showAge), ['now', 'now', '1 s ago', '59 s ago', '1 min 1 s ago']);
  assert.deepEqual(
    [plural(1, 'file'), plural(1_200, 'file'), plural(2, 'directory', 'directories')],
    ['1 file', '1,200 files', '2 directories'],
  );
  assert.match(showTime(ago(86_400), NOW_MS), /^\S+ \S+ 12:00:00, 1 d 0 h ago$/);
  assert.equal(showTime(new Date(2026, 4, 5).toISOString(), NOW_MS), '00:00:00, 12 h 0 min ago');
});
