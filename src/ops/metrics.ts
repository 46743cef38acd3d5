// Pure. What an agent measures, for Prometheus. The table is all there is: documents and the dashboard are written from it.
import type { DirectoryMeasurements, Measurements, ProcessMeasurements } from './measurements.ts';

export type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly value: number;
  readonly labels?: Labels;
  /** Where it is not the metric's own. */
  readonly suffix?: string;
}

/** One metric. Names are those of Prometheus: https://prometheus.io/docs/practices/naming/ */
export interface MetricRow<Of = never> {
  /** In full. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly read: (of: Of) => readonly Sample[];
}

/** What tells the directories of `awssyncer agent` apart. */
export const DIRECTORY_LABEL = 'directory';

type Reading<Of> = (of: Of) => number | null | undefined;

/** Without a value the metric is absent. */
function row<Of>(type: 'counter' | 'gauge', name: string, help: string, read: Reading<Of>): MetricRow<Of> {
  const samples = (of: Of): Sample[] => {
    const value = read(of);
    return value === null || value === undefined ? [] : [{ value }];
  };
  return { name, type, labels: [], help, read: samples };
}

function gauge<Of = Measurements>(name: string, help: string, read: Reading<Of>): MetricRow<Of> {
  return row('gauge', name, help, read);
}

function counter<Of = Measurements>(name: string, help: string, read: Reading<Of>): MetricRow<Of> {
  return row('counter', name, help, read);
}

/** A gauge with one sample for each value of a label; every value is always there. */
function gaugeBy<T extends string>(
  label: string,
  metric: { readonly name: string; readonly help: string },
  read: (of: Measurements) => Readonly<Record<T, number>>,
): MetricRow<Measurements> {
  const samples = (of: Measurements): Sample[] =>
    Object.entries<number>(read(of)).map(([name, value]) => ({ value, labels: { [label]: name } }));
  return { ...metric, type: 'gauge', labels: [label], read: samples };
}

/** Of each agent. Under `awssyncer agent` each has the label DIRECTORY_LABEL besides. */
export const AGENT_METRICS: readonly MetricRow<Measurements>[] = [
  {
    ...{ name: 'awssyncer_agent_info', type: 'gauge', labels: ['local', 'remote'] },
    help: 'What the agent keeps the same; always 1',
    read: ({ status: { local, remote } }) => [{ value: 1, labels: { local, remote } }],
  },
  gaugeBy(
    'state',
    {
      name: 'awssyncer_state',
      help: '1 for the state it is in: starting (waits for the lease, restores, lists), watching, ending (flushes)',
    },
    ({ status: { state } }) => ({
      starting: Number(state === 'starting'),
      watching: Number(state === 'watching'),
      ending: Number(state === 'ending'),
    }),
  ),
  gauge('awssyncer_in_sync', '1 while nothing is dirty, failed or held', ({ status }) => Number(status.inSync)),
  gauge('awssyncer_dirty_paths', 'Paths that are dirty or worked on', ({ status }) => status.dirty),
  gauge(
    'awssyncer_oldest_dirty_age_seconds',
    'How long the oldest dirty path has been dirty, a scan under way included; 0: none is',
    ({ status }) => status.oldestDirtySeconds ?? 0,
  ),
  gauge(
    'awssyncer_synced_until_timestamp_seconds',
    'Everything written before this moment is in S3 as far as known, seconds since 1970; absent before it watches',
    (of) => of.syncedUntilMs && of.syncedUntilMs / 1000,
  ),
  gauge('awssyncer_in_flight_transfers', 'Paths that are being sent or deleted', ({ status }) => status.inFlight),
  gauge(
    'awssyncer_concurrency_limit',
    'How many may be at once now; halved when S3 throttles or fails; absent before it watches',
    (of) => of.concurrencyLimit,
  ),
  gauge(
    'awssyncer_held_deletes',
    'Deletes that wait for awssyncer approve-deletes',
    ({ status }) => status.heldDeletes.count,
  ),
  gauge(
    'awssyncer_root_broken',
    '1: LOCAL cannot be trusted as the source, nothing is deleted until a restart',
    ({ status }) => Number(status.rootBroken !== null),
  ),
  gaugeBy(
    'kind',
    {
      name: 'awssyncer_problem_paths',
      help:
        'Paths that S3 refused (failed), the disk did not give (unreadable), that are stored only as a snapshot of a ' +
        'file that did not rest (fuzzy), or are sockets, FIFOs or devices, which are skipped (special)',
    },
    (of) => of.problems,
  ),
  counter('awssyncer_uploaded_objects_total', 'Objects uploaded', ({ status }) => status.counters['uploaded']),
  counter('awssyncer_copied_objects_total', 'Objects copied on the server', ({ status }) => status.counters['copied']),
  counter(
    'awssyncer_adopted_objects_total',
    'Objects that held the content already',
    ({ status }) => status.counters['adopted'],
  ),
  counter('awssyncer_deleted_objects_total', 'Objects deleted', ({ status }) => status.counters['deleted']),
  counter(
    'awssyncer_uploaded_bytes_total',
    'Content of uploaded objects, counted when S3 has acknowledged them',
    (of) => of.uploadedBytes,
  ),
  {
    ...{ name: 'awssyncer_requests_total', type: 'counter', labels: ['operation', 'result', 'code'] },
    help:
      'Requests to S3 by operation, by result (ok, or what the failure means: throttled, transient, credentials, denied, ' +
      'conflict, not-found, rejected, fatal, aborted) and by the code of the error',
    read: ({ requests }) =>
      requests.map(({ operation, result, code, count }) => ({ value: count, labels: { operation, result, code } })),
  },
  counter('awssyncer_retries_total', 'Transfers that failed and are tried again', (of) => of.retries),
  {
    ...{ name: 'awssyncer_event_to_object_seconds', type: 'histogram', labels: [] },
    help: 'From the first event of a change, or the scan that found it, to the acknowledgement of its object',
    read: ({ eventToObject: { bounds, cumulative, count, sum } }) => [
      ...bounds.map((bound, i) => ({ value: cumulative[i]!, labels: { le: String(bound) }, suffix: '_bucket' })),
      { value: count, labels: { le: '+Inf' }, suffix: '_bucket' },
      { value: sum, suffix: '_sum' },
      { value: count, suffix: '_count' },
    ],
  },
  counter(
    'awssyncer_overflows_total',
    'How often the kernel dropped events and everything was scanned',
    ({ status }) => status.overflows,
  ),
  counter('awssyncer_scans_total', 'Scans of directories with all that is beneath', (of) => of.scans),
  gauge(
    'awssyncer_last_full_scan_timestamp_seconds',
    'When a scan of all of LOCAL last ended, seconds since 1970; absent before the first',
    (of) => of.fullScanMs && of.fullScanMs / 1000,
  ),
  gauge('awssyncer_watches', 'Directories that are watched', (of) => of.watches),
  gauge(
    'awssyncer_watch_limit',
    'How many the kernel lets this user watch, all its processes together (fs.inotify.max_user_watches)',
    (of) => of.watchLimit,
  ),
  gauge(
    'awssyncer_unwatched_directories',
    'Topmost directories that are polled because they cannot be watched',
    ({ status }) => status.unwatched.count,
  ),
  gauge('awssyncer_ledger_objects', 'Objects that are known to be ours', (of) => of.ledger.ours),
  gauge('awssyncer_foreign_objects', 'Objects beneath the prefix that are not ours', (of) => of.ledger.foreign),
  gauge('awssyncer_restored_files', 'Files the restore has dealt with', (of) => of.restore?.files),
  gauge('awssyncer_restore_files', 'Files the restore has to deal with', (of) => of.restore?.totalFiles),
  gauge('awssyncer_restored_bytes', 'Bytes the restore has dealt with', (of) => of.restore?.bytes),
  gauge('awssyncer_restore_bytes', 'Bytes the restore has to deal with', (of) => of.restore?.totalBytes),
  gauge(
    'awssyncer_lease_held',
    '1 while the lease permits to write, or nothing is to be written under a lazy one; absent where there is no lease',
    (of) => of.lease && Number(of.lease.isHeld),
  ),
  gauge(
    'awssyncer_lease_generation',
    'The term of the lease, one more for every holder; absent while none is held',
    (of) => of.lease?.generation,
  ),
  gauge(
    'awssyncer_checkpoint_age_seconds',
    'For how long the last checkpoint has not been what is on disk, at most; 0 while it is; absent before the first',
    ({ status }) => status.checkpoint?.ageSeconds,
  ),
  gauge(
    'awssyncer_checkpoint_interval_seconds',
    'The value of --checkpoint-interval; absent where none are taken',
    (of) => of.checkpointIntervalMs && of.checkpointIntervalMs / 1000,
  ),
];

/** Of each directory of `awssyncer agent`. */
export const DIRECTORY_METRICS: readonly MetricRow<DirectoryMeasurements>[] = [
  {
    ...{ name: 'awssyncer_directory_failures_total', type: 'counter', labels: [DIRECTORY_LABEL] },
    help: 'How often a directory of awssyncer agent failed and was started anew; absent where one agent keeps one',
    read: ({ name, failures }) => [{ value: failures, labels: { [DIRECTORY_LABEL]: name } }],
  },
];

/** Of the process. Those that any process has bear the names that all programs give them. */
export const PROCESS_METRICS: readonly MetricRow<ProcessMeasurements>[] = [
  {
    ...{ name: 'awssyncer_build_info', type: 'gauge', labels: ['version', 'revision'] },
    help: 'Which awssyncer this is; always 1',
    read: ({ version, commit }) => [{ value: 1, labels: { version, revision: commit ?? '' } }],
  },
  counter<ProcessMeasurements>('process_cpu_seconds_total', 'Processor time of the process', (of) => of.cpuSeconds),
  gauge<ProcessMeasurements>('process_resident_memory_bytes', 'Memory of the process', (of) => of.residentBytes),
  gauge<ProcessMeasurements>(
    'process_start_time_seconds',
    'When the process started, seconds since 1970',
    (of) => of.startMs / 1000,
  ),
  gauge<ProcessMeasurements>('process_open_fds', 'File descriptors that are open', (of) => of.openFiles),
  gauge<ProcessMeasurements>('process_max_fds', 'How many may be open (ulimit -n)', (of) => of.maxOpenFiles),
];

/** Every metric. */
export const METRICS: readonly MetricRow[] = [...AGENT_METRICS, ...DIRECTORY_METRICS, ...PROCESS_METRICS];
