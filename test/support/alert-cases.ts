// What each alert of docker/prometheus must fire on, and what it must not.

/** A series of samples, one a minute, in promtool's notation: `0+60x10` is 0, 60, ... 600. */
export type Series = readonly [series: string, values: string];

export interface AlertCase {
  readonly alert: string;
  /** It fires at this time, with these labels besides those of the agent, and says this. */
  readonly fires: {
    readonly at: string;
    readonly series: readonly Series[];
    /** `{}` by default. */
    readonly labels?: Readonly<Record<string, string>>;
    /** null: it is not of one agent. */
    readonly agent?: null;
    readonly severity: 'warning' | 'critical';
    readonly summary: string;
  };
  /** It does not. */
  readonly silent: readonly { readonly why: string; readonly at: string; readonly series: readonly Series[] }[];
}

/** A series of the agent `a`. */
function of(name: string, values: string, labels: Readonly<Record<string, string>> = {}): Series {
  const all = Object.entries({ job: 'awssyncer', instance: 'a', ...labels });
  return [`${name}{${all.map(([label, value]) => `${label}="${value}"`).join(',')}}`, values];
}

const requests = (result: string, values: string) =>
  of('awssyncer_requests_total', values, { operation: 'PutObject', result, code: 'Some' });
const problems = (kind: string, values: string) => of('awssyncer_problem_paths', values, { kind });
const state = (name: string, values: string) => of('awssyncer_state', values, { state: name });
const agent = (values: string, instance = 'a') =>
  of('awssyncer_agent_info', values, { instance, local: '/d', remote: 's3://b/p/' });

const AGE = 'awssyncer_oldest_dirty_age_seconds';

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'AwssyncerBehind',
    fires: {
      ...{ at: '15m', series: [of(AGE, '0+60x20')], severity: 'warning' },
      summary: 'What was written 15m 0s ago on a is not in S3',
    },
    silent: [
      { why: 'ten minutes are not more than ten minutes', at: '20m', series: [of(AGE, '600x30')] },
      { why: 'one sample is not enough', at: '12m', series: [of(AGE, '0x11 700 0x20')] },
    ],
  },
  {
    alert: 'AwssyncerFarBehind',
    fires: {
      ...{ at: '65m', series: [of(AGE, '0+60x80')], severity: 'critical' },
      summary: 'What was written 1h 5m 0s ago on a is not in S3',
    },
    silent: [{ why: 'it is less than an hour', at: '58m', series: [of(AGE, '0+60x80')] }],
  },
  {
    alert: 'AwssyncerThrottled',
    fires: {
      ...{ at: '20m', series: [requests('throttled', '0+20x30'), requests('ok', '0+80x30')], severity: 'warning' },
      summary: 'S3 asks a for less: 20% of its requests are refused for now',
    },
    silent: [
      { why: 'one in a hundred', at: '20m', series: [requests('throttled', '0+1x30'), requests('ok', '0+99x30')] },
      {
        why: 'it lasted five minutes',
        at: '9m',
        series: [requests('throttled', '0+9x5 45x30'), requests('ok', '0+9x30')],
      },
      { why: 'nothing is sent', at: '20m', series: [requests('throttled', '9x30'), requests('ok', '9x30')] },
      { why: 'other failures', at: '20m', series: [requests('transient', '0+90x30'), requests('ok', '0+9x30')] },
    ],
  },
  {
    alert: 'AwssyncerAccessRefused',
    fires: {
      ...{ at: '20m', series: [requests('denied', '0+1x30')], labels: { result: 'denied' }, severity: 'critical' },
      summary: 'S3 refuses requests of a (denied)',
    },
    silent: [
      { why: 'once, before credentials were rotated', at: '9m', series: [requests('credentials', '0x5 1x30')] },
      { why: 'a key that may be absent is', at: '20m', series: [requests('not-found', '0+9x30')] },
    ],
  },
  {
    alert: 'AwssyncerProblems',
    fires: {
      ...{ at: '15m', series: [problems('unreadable', '3x20')], labels: { kind: 'unreadable' }, severity: 'warning' },
      summary: '3 paths of a are not stored (unreadable)',
    },
    silent: [
      { why: 'sockets are no problem', at: '15m', series: [problems('special', '3x20'), problems('failed', '0x20')] },
      { why: 'it was over soon', at: '8m', series: [problems('failed', '3x8 0x20')] },
    ],
  },
  {
    alert: 'AwssyncerFuzzyObjects',
    fires: {
      ...{ at: '65m', series: [problems('fuzzy', '1x80')], labels: { kind: 'fuzzy' }, severity: 'warning' },
      summary: '1 files of a never rest: S3 has only marked snapshots of them',
    },
    silent: [{ why: 'it has rested meanwhile', at: '65m', series: [problems('fuzzy', '1x50 0x3 1x50')] }],
  },
  {
    alert: 'AwssyncerDeletesHeld',
    fires: {
      ...{ at: '10m', series: [of('awssyncer_held_deletes', '1500x20')], severity: 'warning' },
      summary: "1500 deletes of a that nobody saw happen wait for somebody's word",
    },
    silent: [{ why: 'they were approved at once', at: '3m', series: [of('awssyncer_held_deletes', '1500x3 0x20')] }],
  },
  {
    alert: 'AwssyncerRootBroken',
    fires: {
      ...{ at: '5m', series: [of('awssyncer_root_broken', '0x2 1x20')], severity: 'critical' },
      summary: 'LOCAL of a cannot be trusted: it was lost, emptied or replaced',
    },
    silent: [{ why: 'it is whole', at: '5m', series: [of('awssyncer_root_broken', '0x20')] }],
  },
  {
    alert: 'AwssyncerLeaseLost',
    fires: {
      ...{ at: '5m', series: [of('awssyncer_lease_held', '1 0x20'), state('watching', '1x20')], severity: 'critical' },
      summary: 'a may not write: it could not renew its lease, or another agent has taken it',
    },
    silent: [
      {
        why: 'it waits for another',
        at: '5m',
        series: [of('awssyncer_lease_held', '0x20'), state('watching', '0x20')],
      },
      { why: 'it holds it', at: '5m', series: [of('awssyncer_lease_held', '1x20'), state('watching', '1x20')] },
      { why: 'there is no lease', at: '5m', series: [state('watching', '1x20')] },
    ],
  },
  {
    alert: 'AwssyncerOverflows',
    fires: {
      ...{ at: '60m', series: [of('awssyncer_overflows_total', '0x20 2x20 4x30')], severity: 'warning' },
      summary: 'The kernel dropped events on a 4 times within an hour',
    },
    silent: [
      { why: 'one is a scan more', at: '60m', series: [of('awssyncer_overflows_total', '0x20 1x50')] },
      { why: 'they were long ago', at: '200m', series: [of('awssyncer_overflows_total', '0 9x220')] },
    ],
  },
  {
    alert: 'AwssyncerWatchLimitNear',
    fires: {
      at: '10m',
      series: [of('awssyncer_watches', '7000x20'), of('awssyncer_watch_limit', '8192x20')],
      severity: 'warning',
      summary: 'a has 85.45% of the inotify watches of its user',
    },
    silent: [
      {
        ...{ why: 'half of them', at: '10m' },
        series: [of('awssyncer_watches', '4096x20'), of('awssyncer_watch_limit', '8192x20')],
      },
      { why: 'the limit is not known', at: '10m', series: [of('awssyncer_watches', '7000x20')] },
    ],
  },
  {
    alert: 'AwssyncerUnwatchedDirectories',
    fires: {
      ...{ at: '10m', series: [of('awssyncer_unwatched_directories', '2x20')], severity: 'warning' },
      summary: '2 directories of a, and all beneath, are polled: there are no watches for them',
    },
    silent: [{ why: 'all are watched', at: '10m', series: [of('awssyncer_unwatched_directories', '0x20')] }],
  },
  {
    alert: 'AwssyncerNotReady',
    fires: {
      ...{ at: '35m', series: [state('starting', '1x60')], labels: { state: 'starting' }, severity: 'warning' },
      summary: 'a has been restoring, listing or waiting for the lease for half an hour',
    },
    silent: [
      { why: 'a restore may take a while', at: '25m', series: [state('starting', '1x60')] },
      { why: 'it watches', at: '35m', series: [state('starting', '0x60'), state('watching', '1x60')] },
    ],
  },
  {
    alert: 'AwssyncerRestoreStalled',
    fires: {
      at: '20m',
      series: [
        state('starting', '1x30'),
        of('awssyncer_restored_bytes', '0+5x5 25x30'),
        of('awssyncer_restored_files', '0+1x5 5x30'),
      ],
      labels: { state: 'starting' },
      severity: 'critical',
      summary: 'The restore of a does not get on',
    },
    silent: [
      {
        ...{ why: 'a large file arrives', at: '20m' },
        series: [
          state('starting', '1x30'),
          of('awssyncer_restored_bytes', '0+5x30'),
          of('awssyncer_restored_files', '1x30'),
        ],
      },
      {
        ...{ why: 'small files arrive', at: '20m' },
        series: [
          state('starting', '1x30'),
          of('awssyncer_restored_bytes', '0x30'),
          of('awssyncer_restored_files', '0+1x30'),
        ],
      },
      {
        ...{ why: 'it is over', at: '20m' },
        series: [
          state('starting', '0x30'),
          of('awssyncer_restored_bytes', '9x30'),
          of('awssyncer_restored_files', '9x30'),
        ],
      },
    ],
  },
  {
    alert: 'AwssyncerCheckpointOld',
    fires: {
      at: '75m',
      series: [
        of('awssyncer_checkpoint_age_seconds', '0+60x90'),
        of('awssyncer_checkpoint_interval_seconds', '900x90'),
      ],
      severity: 'warning',
      summary: 'a has had no checkpoint of what is on disk for 1h 15m 0s',
    },
    silent: [
      {
        ...{ why: 'nothing has changed since', at: '75m' },
        series: [of('awssyncer_checkpoint_age_seconds', '0x90'), of('awssyncer_checkpoint_interval_seconds', '900x90')],
      },
      { why: 'none are taken', at: '75m', series: [of('process_start_time_seconds', '0x90')] },
      {
        ...{ why: 'it has only started', at: '40m' },
        series: [of('process_start_time_seconds', '0x90'), of('awssyncer_checkpoint_interval_seconds', '900x90')],
      },
    ],
  },
  {
    alert: 'AwssyncerCheckpointOld',
    fires: {
      at: '75m',
      series: [of('process_start_time_seconds', '0x90'), of('awssyncer_checkpoint_interval_seconds', '900x90')],
      severity: 'warning',
      summary: 'a has had no checkpoint of what is on disk for 1h 15m 0s',
    },
    silent: [],
  },
  {
    alert: 'AwssyncerDirectoryFailing',
    fires: {
      at: '20m',
      series: [of('awssyncer_directory_failures_total', '0x5 1+1x30', { directory: 'wiki' })],
      severity: 'critical',
      labels: { directory: 'wiki' },
      summary: 'wiki of a failed 15 times within a quarter of an hour',
    },
    silent: [
      {
        ...{ why: 'it failed twice', at: '20m' },
        series: [of('awssyncer_directory_failures_total', '0x10 1x3 2x20', { directory: 'wiki' })],
      },
    ],
  },
  {
    alert: 'AwssyncerRestarting',
    fires: {
      ...{ at: '20m', series: [of('process_start_time_seconds', '0x5 300x5 600x5 900x9')], severity: 'critical' },
      summary: 'a was started 3 times within half an hour',
    },
    silent: [
      { why: 'two restarts', at: '20m', series: [of('process_start_time_seconds', '0x5 300x5 600x9')] },
      {
        ...{ why: 'another program', at: '20m' },
        series: [of('process_start_time_seconds', '0x5 300x5 600x5 900x9', { job: 'node' })],
      },
    ],
  },
  {
    alert: 'AwssyncerDown',
    fires: { at: '10m', series: [of('up', '1x2 0x20')], severity: 'critical', summary: 'No metrics from a' },
    silent: [
      { why: 'it answers again', at: '4m', series: [of('up', '1 0x3 1x20')] },
      { why: 'it answers', at: '10m', series: [of('up', '1x20')] },
    ],
  },
  {
    alert: 'AwssyncerDown',
    fires: {
      ...{ at: '10m', series: [of('up', '1x20', { job: 'node' })], agent: null, labels: { job: 'awssyncer' } },
      ...{ severity: 'critical', summary: 'No metrics from any agent' },
    },
    silent: [],
  },
  {
    alert: 'AwssyncerAgentGone',
    fires: {
      ...{ at: '30m', series: [agent('1x10 stale')], agent: null, labels: { remote: 's3://b/p/' } },
      ...{ severity: 'critical', summary: 'No agent keeps s3://b/p/ any more' },
    },
    silent: [
      { why: 'another pod goes on', at: '30m', series: [agent('1x10 stale'), agent('_x12 1x30', 'b')] },
      { why: 'it is there', at: '30m', series: [agent('1x60')] },
    ],
  },
];
