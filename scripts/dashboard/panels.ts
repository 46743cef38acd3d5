// Pure. What the dashboard of Grafana shows. Metrics no panel names are shown in a row of their own, so that none is forgotten.

/** A query, and how its lines are called. */
export type Query = readonly [expression: string, legend: string];

export interface PanelRow {
  readonly title: string;
  /** `number`: what is so now; `lines`: over time; `heatmap`: how often which value, over time. */
  readonly shows: 'number' | 'lines' | 'heatmap';
  /** Of Grafana: s, bytes, Bps, percentunit, short. */
  readonly unit: string;
  /** Metrics by their names alone: which agents are meant is added. */
  readonly queries: readonly Query[];
  /** From these values on it is yellow, and red. */
  readonly limits?: readonly [warning: number | null, critical: number];
  /** 0 and 1 in words; the bad one is red. */
  readonly words?: { readonly no: string; readonly yes: string; readonly bad: 'no' | 'yes' };
  readonly stacked?: true;
  /** Of numbers that are all 1: the names are what is told. */
  readonly asNames?: true;
}

export interface Section {
  readonly title: string;
  readonly panels: readonly PanelRow[];
}

/** The directory is there where one process keeps several. */
const AGENT = '{{instance}} {{directory}}';
/** What there is one of, whatever the number of directories. */
const PROCESS = '{{instance}}';

const number = (title: string, expression: string, options: Partial<PanelRow> = {}): PanelRow => {
  return { title, shows: 'number', unit: 'short', queries: [[expression, AGENT]], ...options };
};

const lines = (title: string, unit: string, queries: readonly Query[], options: Partial<PanelRow> = {}): PanelRow => {
  return { title, shows: 'lines', unit, queries, ...options };
};

const rate = (metric: string): string => `rate(${metric}[$__rate_interval])`;
const latency = (quantile: number): string =>
  `histogram_quantile(${quantile}, sum by (le) (${rate('awssyncer_event_to_object_seconds_bucket')}))`;

export const SECTIONS: readonly Section[] = [
  {
    title: 'Is everything in S3?',
    panels: [
      number('In sync', 'awssyncer_in_sync', { words: { no: 'no', yes: 'yes', bad: 'no' } }),
      number('Behind', 'awssyncer_oldest_dirty_age_seconds', { unit: 's', limits: [600, 3_600] }),
      number('Not stored', 'sum by (instance, directory) (awssyncer_problem_paths{kind!="special"})', {
        limits: [null, 1],
      }),
      number('Deletes held', 'awssyncer_held_deletes', { limits: [null, 1] }),
      number('LOCAL', 'awssyncer_root_broken', { words: { no: 'whole', yes: 'broken', bad: 'yes' } }),
      number('May write', 'awssyncer_lease_held', { words: { no: 'no', yes: 'lease held', bad: 'no' } }),
      {
        ...{ title: 'State', shows: 'number', unit: 'short', asNames: true },
        queries: [['awssyncer_state == 1', `${AGENT} {{state}}`]],
      },
      number('Unwatched', 'awssyncer_unwatched_directories', { limits: [null, 1] }),
      lines('Behind', 's', [['awssyncer_oldest_dirty_age_seconds', AGENT]], { limits: [600, 3_600] }),
      lines('Dirty and in flight', 'short', [
        ['awssyncer_dirty_paths', `${AGENT} dirty`],
        ['awssyncer_in_flight_transfers', `${AGENT} in flight`],
      ]),
    ],
  },
  {
    title: 'Throughput',
    panels: [
      lines('Content sent', 'Bps', [[rate('awssyncer_uploaded_bytes_total'), AGENT]]),
      lines('Objects a second', 'short', [
        [`sum(${rate('awssyncer_uploaded_objects_total')})`, 'uploaded'],
        [`sum(${rate('awssyncer_copied_objects_total')})`, 'copied'],
        [`sum(${rate('awssyncer_adopted_objects_total')})`, 'adopted'],
        [`sum(${rate('awssyncer_deleted_objects_total')})`, 'deleted'],
      ]),
      {
        ...{ title: 'From change to object', shows: 'heatmap', unit: 's' },
        queries: [[`sum by (le) (increase(awssyncer_event_to_object_seconds_bucket[$__rate_interval]))`, '{{le}}']],
      },
      lines('From change to object: half, 95 %, 99 % within', 's', [
        [latency(0.5), 'p50'],
        [latency(0.95), 'p95'],
        [latency(0.99), 'p99'],
      ]),
    ],
  },
  {
    title: 'Requests to S3',
    panels: [
      lines('By operation', 'reqps', [[`sum by (operation) (${rate('awssyncer_requests_total')})`, '{{operation}}']], {
        stacked: true,
      }),
      lines('Without success, by code', 'reqps', [
        [`sum by (operation, code) (${rate('awssyncer_requests_total{result!="ok"}')})`, '{{operation}} {{code}}'],
      ]),
      lines(
        'Failed, of all',
        'percentunit',
        [
          [
            `sum by (result) (${rate('awssyncer_requests_total{result!~"ok|conflict|not-found|aborted"}')})` +
              ` / scalar(sum(${rate('awssyncer_requests_total')}))`,
            '{{result}}',
          ],
        ],
        { stacked: true },
      ),
      lines('Retries, and what may be in flight', 'short', [
        [rate('awssyncer_retries_total'), `${AGENT} retries a second`],
        ['awssyncer_concurrency_limit', `${AGENT} limit`],
      ]),
    ],
  },
  {
    title: 'Restore, checkpoints, lease',
    panels: [
      lines('Restored', 'percentunit', [
        ['awssyncer_restored_bytes / (awssyncer_restore_bytes > 0)', `${AGENT} bytes`],
        ['awssyncer_restored_files / (awssyncer_restore_files > 0)', `${AGENT} files`],
      ]),
      lines('Age of the last checkpoint', 's', [
        ['awssyncer_checkpoint_age_seconds', AGENT],
        ['awssyncer_checkpoint_interval_seconds', `${AGENT} interval`],
      ]),
      lines('Term of the lease', 'short', [['awssyncer_lease_generation', AGENT]]),
      lines('Objects', 'short', [
        ['awssyncer_ledger_objects', `${AGENT} ours`],
        ['awssyncer_foreign_objects', `${AGENT} foreign`],
      ]),
    ],
  },
  {
    title: 'Disk',
    panels: [
      lines('Watches', 'short', [
        ['awssyncer_watches', AGENT],
        ['awssyncer_watch_limit', `${AGENT} limit`],
      ]),
      lines('Overflows and scans in an hour', 'short', [
        ['increase(awssyncer_overflows_total[1h])', `${AGENT} overflows`],
        ['increase(awssyncer_scans_total[1h])', `${AGENT} scans`],
      ]),
      lines('Since the last full scan', 's', [['time() - awssyncer_last_full_scan_timestamp_seconds', AGENT]]),
      lines('Problems', 'short', [['awssyncer_problem_paths', `${AGENT} {{kind}}`]]),
    ],
  },
  {
    title: 'Process',
    panels: [
      lines('CPUs', 'short', [[rate('process_cpu_seconds_total'), PROCESS]]),
      lines('Memory', 'bytes', [['process_resident_memory_bytes', PROCESS]]),
      lines('File descriptors', 'short', [
        ['process_open_fds', PROCESS],
        ['process_max_fds', `${PROCESS} limit`],
      ]),
      lines('Starts in an hour', 'short', [['changes(process_start_time_seconds[1h])', PROCESS]]),
    ],
  },
];
