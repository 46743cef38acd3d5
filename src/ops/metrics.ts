// /metrics: what an agent measures, for Prometheus. The table is all there is: documents are written from it.
import type { Metric } from 'prom-client';
import type { Measurements } from './measurements.ts';

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly value: number;
  readonly labels?: Labels;
  /** Where it is not the metric's own. */
  readonly suffix?: string;
}

/** One metric. Names are those of Prometheus: https://prometheus.io/docs/practices/naming/ */
export interface MetricRow {
  /** Without `awssyncer_`, which all have. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly read: (of: Measurements) => readonly Sample[];
}

type Reading = (of: Measurements) => number | null | undefined;

function row(type: 'counter' | 'gauge', name: string, help: string, read: Reading): MetricRow {
  const samples = (of: Measurements): Sample[] => {
    const value = read(of);
    return value === null || value === undefined ? [] : [{ value }];
  };
  return { name, type, labels: [], help, read: samples };
}

const gauge = (name: string, help: string, read: Reading): MetricRow => row('gauge', name, help, read);
const counter = (name: string, help: string, read: Reading): MetricRow => row('counter', name, help, read);

/** Every metric. */
export const METRICS: readonly MetricRow[] = [
  {
    ...{ name: 'build_info', type: 'gauge', labels: ['version'], help: 'Which awssyncer this is; always 1' },
    read: ({ status }) => [{ value: 1, labels: { version: status.version } }],
  },
  gauge('start_time_seconds', 'When the process started, seconds since 1970', (of) => of.process.startMs / 1000),
  gauge('ready', '1 once the restore is complete and LOCAL is watched', ({ status }) =>
    Number(status.state === 'watching'),
  ),
  gauge('in_sync', '1 while nothing is dirty, failed or held', ({ status }) => Number(status.inSync)),
  gauge('dirty_paths', 'Paths that are dirty or worked on', ({ status }) => status.dirty),
  gauge(
    'oldest_dirty_age_seconds',
    'How long the oldest dirty path has been dirty; 0: none is',
    ({ status }) => status.oldestDirtySeconds ?? 0,
  ),
  gauge(
    'synced_until_timestamp_seconds',
    'Everything written before this moment is in S3 as far as known, seconds since 1970',
    (of) => of.syncedUntilMs && of.syncedUntilMs / 1000,
  ),
  gauge('in_flight_transfers', 'Paths that are being sent or deleted', ({ status }) => status.inFlight),
  gauge('concurrency_limit', 'How many may be at once now', (of) => of.concurrencyLimit),
  gauge('held_deletes', 'Deletes that wait for awssyncer approve-deletes', ({ status }) => status.heldDeletes.count),
  gauge('root_broken', '1: LOCAL cannot be trusted as the source, nothing is deleted until a restart', ({ status }) =>
    Number(status.rootBroken !== null),
  ),
  gauge(
    'problem_paths',
    'Paths that could not be stored, read or watched as they should',
    ({ status }) => status.problems.count,
  ),
  counter('uploaded_objects_total', 'Objects uploaded', ({ status }) => status.counters['uploaded']),
  counter('copied_objects_total', 'Objects copied on the server', ({ status }) => status.counters['copied']),
  counter('adopted_objects_total', 'Objects that held the content already', ({ status }) => status.counters['adopted']),
  counter('deleted_objects_total', 'Objects deleted', ({ status }) => status.counters['deleted']),
  counter('transferred_bytes_total', 'Content sent or received', ({ status }) => status.counters['bytes']),
  {
    ...{ name: 'requests_total', type: 'counter', labels: ['operation', 'code'] },
    help: 'Requests to S3 by operation and by how they ended: ok, or the code of the error',
    read: ({ requests }) =>
      requests.map(({ operation, code, count }) => ({ value: count, labels: { operation, code } })),
  },
  counter('retries_total', 'Transfers that failed and are tried again', (of) => of.retries),
  {
    ...{ name: 'event_to_object_seconds', type: 'histogram', labels: [] },
    help: 'From the first event of a change to the acknowledgement of its object',
    read: ({ eventToObject: { bounds, cumulative, count, sum } }) => [
      ...bounds.map((bound, i) => ({ value: cumulative[i]!, labels: { le: String(bound) }, suffix: '_bucket' })),
      { value: count, labels: { le: '+Inf' }, suffix: '_bucket' },
      { value: sum, suffix: '_sum' },
      { value: count, suffix: '_count' },
    ],
  },
  counter(
    'overflows_total',
    'How often the kernel dropped events and everything was scanned',
    ({ status }) => status.overflows,
  ),
  counter('scans_total', 'Scans of directories with all that is beneath', (of) => of.scans),
  gauge('watches', 'Directories that are watched', (of) => of.watches),
  gauge('watch_limit', 'How many the kernel lets this user watch (fs.inotify.max_user_watches)', (of) => of.watchLimit),
  gauge(
    'unwatched_directories',
    'Topmost directories that are polled because they cannot be watched',
    ({ status }) => status.unwatched.count,
  ),
  gauge('ledger_objects', 'Objects that are known to be ours', (of) => of.ledger.ours),
  gauge('foreign_objects', 'Objects beneath the prefix that are not ours', (of) => of.ledger.foreign),
  gauge('restored_files', 'Files the restore has dealt with', (of) => of.restore?.files),
  gauge('restore_files', 'Files the restore has to deal with', (of) => of.restore?.totalFiles),
  gauge('restored_bytes', 'Bytes the restore has dealt with', (of) => of.restore?.bytes),
  gauge('restore_bytes', 'Bytes the restore has to deal with', (of) => of.restore?.totalBytes),
  gauge(
    'lease_held',
    '1 while the lease permits to write; absent without a lease',
    (of) => of.lease && Number(of.lease.isHeld),
  ),
  gauge('lease_generation', 'The term of the lease', (of) => of.lease?.generation),
  gauge(
    'checkpoint_age_seconds',
    'How old what the last checkpoint brings back is; absent where none is taken',
    ({ status }) => status.checkpoint?.ageSeconds,
  ),
  counter('cpu_seconds_total', 'Processor time of the process', (of) => of.process.cpuSeconds),
  gauge('resident_memory_bytes', 'Memory of the process', (of) => of.process.residentBytes),
];

const PREFIX = 'awssyncer_';

/** In the text format of Prometheus; loads its client, which takes 30 ms, once. */
export async function renderMetrics(of: Measurements): Promise<{ readonly type: string; readonly text: string }> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  for (const { name, type, help, read } of METRICS) {
    const values = read(of).map(({ value, labels = {}, suffix = '' }) => ({
      value,
      labels,
      metricName: PREFIX + name + suffix,
    }));
    const metric = { name: PREFIX + name, help, type, values, aggregator: 'sum' };
    registry.registerMetric({ name: metric.name, get: async () => metric } as unknown as Metric);
  }
  return { type: registry.contentType, text: await registry.metrics() };
}
