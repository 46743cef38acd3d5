import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measurements, ProcessMeasurements } from '../../src/ops/measurements.ts';
import { METRICS } from '../../src/ops/metrics.ts';
import { type Exposition, renderMetrics } from '../../src/ops/render-metrics.ts';

/** Every number is another one. */
const FULL: Measurements = {
  status: {
    ...{ local: '/srv/"data"', remote: 's3://b/p/', pid: 1, version: '1.2.3', commit: 'abc', since: '' },
    ...{
      state: 'ending',
      inSync: true,
      dirty: 2,
      awaitingProof: 0,
      inFlight: 3,
      oldestDirtySeconds: 4.5,
      overflows: 5,
    },
    counters: { uploaded: 6, copied: 7, adopted: 8, deleted: 9, unchanged: 10, bytes: 11, requests: 12 },
    problems: { count: 13, first: [] },
    heldDeletes: { count: 14, first: [], reason: 'why' },
    rootBroken: 'gone',
    unwatched: { count: 15, first: [] },
    checkpoint: { id: 'c', ageSeconds: 16 },
  },
  requests: [{ operation: 'PutObject', result: 'throttled', code: 'SlowDown', count: 17 }],
  eventToObject: { bounds: [0.5, 1], cumulative: [18, 19], count: 20, sum: 21.5 },
  ...{ concurrencyLimit: 22, uploadedBytes: 23, retries: 24, scans: 25, fullScanMs: 26_000 },
  problems: { failed: 27, unreadable: 28, fuzzy: 29, special: 30 },
  ...{ watches: 31, watchLimit: 32 },
  ledger: { ours: 33, foreign: 34 },
  restore: { files: 35, totalFiles: 36, bytes: 37, totalBytes: 38 },
  lease: { isHeld: true, generation: 39 },
  ...{ checkpointIntervalMs: 40_000, syncedUntilMs: 41_000 },
};

const PROCESS: ProcessMeasurements = {
  ...{
    version: '1.2.3',
    commit: 'abc',
    cpuSeconds: 42,
    residentBytes: 43,
    startMs: 44_000,
    openFiles: 45,
    maxOpenFiles: 46,
  },
};

const expose = async (what: Pick<Exposition, 'agents' | 'directories'>) =>
  (await renderMetrics({ process: PROCESS, ...what })).text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const samplesOf = (of: Measurements) => expose({ agents: [{ labels: {}, of }], directories: [] });

test('each metric tells what it is called', async () => {
  assert.deepEqual(await samplesOf(FULL), [
    'awssyncer_agent_info{local="/srv/\\"data\\"",remote="s3://b/p/"} 1',
    'awssyncer_state{state="starting"} 0',
    'awssyncer_state{state="watching"} 0',
    'awssyncer_state{state="ending"} 1',
    'awssyncer_in_sync 1',
    'awssyncer_dirty_paths 2',
    'awssyncer_oldest_dirty_age_seconds 4.5',
    'awssyncer_synced_until_timestamp_seconds 41',
    'awssyncer_in_flight_transfers 3',
    'awssyncer_concurrency_limit 22',
    'awssyncer_held_deletes 14',
    'awssyncer_root_broken 1',
    'awssyncer_problem_paths{kind="failed"} 27',
    'awssyncer_problem_paths{kind="unreadable"} 28',
    'awssyncer_problem_paths{kind="fuzzy"} 29',
    'awssyncer_problem_paths{kind="special"} 30',
    'awssyncer_uploaded_objects_total 6',
    'awssyncer_copied_objects_total 7',
    'awssyncer_adopted_objects_total 8',
    'awssyncer_deleted_objects_total 9',
    'awssyncer_uploaded_bytes_total 23',
    'awssyncer_requests_total{operation="PutObject",result="throttled",code="SlowDown"} 17',
    'awssyncer_retries_total 24',
    'awssyncer_event_to_object_seconds_bucket{le="0.5"} 18',
    'awssyncer_event_to_object_seconds_bucket{le="1"} 19',
    'awssyncer_event_to_object_seconds_bucket{le="+Inf"} 20',
    'awssyncer_event_to_object_seconds_sum 21.5',
    'awssyncer_event_to_object_seconds_count 20',
    'awssyncer_overflows_total 5',
    'awssyncer_scans_total 25',
    'awssyncer_last_full_scan_timestamp_seconds 26',
    'awssyncer_watches 31',
    'awssyncer_watch_limit 32',
    'awssyncer_unwatched_directories 15',
    'awssyncer_ledger_objects 33',
    'awssyncer_foreign_objects 34',
    'awssyncer_restored_files 35',
    'awssyncer_restore_files 36',
    'awssyncer_restored_bytes 37',
    'awssyncer_restore_bytes 38',
    'awssyncer_lease_held 1',
    'awssyncer_lease_generation 39',
    'awssyncer_checkpoint_age_seconds 16',
    'awssyncer_checkpoint_interval_seconds 40',
    'awssyncer_build_info{version="1.2.3",revision="abc"} 1',
    'process_cpu_seconds_total 42',
    'process_resident_memory_bytes 43',
    'process_start_time_seconds 44',
    'process_open_fds 45',
    'process_max_fds 46',
  ]);
});

test('what is not known has no sample, not a 0 that says something else', async () => {
  const nothing = { concurrencyLimit: null, fullScanMs: null, watchLimit: null, restore: null, syncedUntilMs: null };
  const status = {
    ...FULL.status,
    oldestDirtySeconds: null,
    rootBroken: null,
    checkpoint: { id: null, ageSeconds: null },
  };
  const known = new Set(await samplesOf(FULL));
  const samples = await samplesOf({ ...FULL, ...nothing, status, lease: null, checkpointIntervalMs: null });
  const differ = samples.filter((sample) => !known.has(sample));
  assert.deepEqual(differ, ['awssyncer_oldest_dirty_age_seconds 0', 'awssyncer_root_broken 0']);
  const names = new Set(samples.map((sample) => sample.replace(/[ {].*/, '')));
  const absent = METRICS.filter(({ name, type }) => type !== 'histogram' && !names.has(name)).map(({ name }) => name);
  assert.deepEqual(absent, [
    'awssyncer_synced_until_timestamp_seconds',
    'awssyncer_concurrency_limit',
    'awssyncer_last_full_scan_timestamp_seconds',
    'awssyncer_watch_limit',
    'awssyncer_restored_files',
    'awssyncer_restore_files',
    'awssyncer_restored_bytes',
    'awssyncer_restore_bytes',
    'awssyncer_lease_held',
    'awssyncer_lease_generation',
    'awssyncer_checkpoint_age_seconds',
    'awssyncer_checkpoint_interval_seconds',
    'awssyncer_directory_failures_total',
  ]);
  const lost = await samplesOf({ ...FULL, lease: { isHeld: false, generation: null } });
  assert.deepEqual(
    lost.filter((sample) => sample.includes('_lease_')),
    ['awssyncer_lease_held 0'],
  );
});

test('of several directories each has samples of its own, of the process there are some once', async () => {
  const agents = ['d', 'e'].map((directory) => ({ labels: { directory }, of: FULL }));
  const directories = [
    { name: 'd', failures: 47 },
    { name: 'e', failures: 48 },
    { name: 'failed', failures: 49 },
  ];
  const samples = await expose({ agents, directories });
  const alone = await samplesOf(FULL);
  const labelled = (sample: string, directory: string) =>
    sample.includes('{')
      ? sample.replace('{', `{directory="${directory}",`)
      : sample.replace(' ', `{directory="${directory}"} `);
  const isOfProcess = (sample: string) => /^(process_|awssyncer_build_info)/.test(sample);
  const expected = alone.flatMap((sample) =>
    isOfProcess(sample) ? [sample] : ['d', 'e'].map((directory) => labelled(sample, directory)),
  );
  const failures = directories.map(({ name, failures }) => {
    return `awssyncer_directory_failures_total{directory="${name}"} ${failures}`;
  });
  assert.deepEqual([...samples].sort(), [...expected, ...failures].sort());
});
