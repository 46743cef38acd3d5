// The rules of docker/prometheus: each alert fires when it must, and only then, and is explained.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { METRICS } from '../../src/ops/metrics.ts';
import { ALERT_CASES, type AlertCase, type Series } from '../support/alert-cases.ts';
import { hasPromtool, promtool, promtoolOn, RULES } from '../support/promtool.ts';

const rules = readFileSync(RULES, 'utf8');
const GUIDE = new URL('../../src/OPERATIONS.md', import.meta.url);
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);

test('every alert is tried, and has its section in the operations guide, where its link leads', () => {
  assert.deepEqual([...new Set(ALERT_CASES.map(({ alert }) => alert))].sort(), [...alerts].sort());
  const guide = readFileSync(GUIDE, 'utf8');
  const sections = [...guide.matchAll(/^### (Awssyncer\w+)$/gm)].map(([, name]) => name!);
  assert.deepEqual(sections, alerts);
  const links = [...rules.matchAll(/runbook_url: (\S+)/g)].map(([, link]) => link!);
  assert.deepEqual(
    links,
    alerts.map((name) => runbookOf(name)),
  );
});

test('rules name metrics that there are', () => {
  const known = new Set(METRICS.flatMap(({ name, type }) => (type === 'histogram' ? [`${name}_bucket`] : [name])));
  const expressions = rules.replaceAll(/- record: \S+/g, '').replaceAll(/name: \S+/g, '');
  const named = [...expressions.matchAll(/(?<![\w:/])(?:awssyncer|process)_\w+/g)].map(([name]) => name);
  assert.ok(named.length > 20);
  for (const name of named) assert.ok(known.has(name), name);
});

function runbookOf(alert: string): string {
  return `src/OPERATIONS.md#${alert.toLowerCase()}`;
}

function trial(alert: string, series: readonly Series[], at: string, expected: readonly object[]): object {
  return {
    interval: '1m',
    input_series: series.map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: expected }],
  };
}

function trialsOf({ alert, fires, silent }: AlertCase): object[] {
  const { labels = {}, severity, summary, agent } = fires;
  const own = agent === null ? {} : { job: 'awssyncer', instance: 'a' };
  const expected = {
    exp_labels: { severity, ...own, ...labels },
    exp_annotations: { summary, runbook_url: runbookOf(alert) },
  };
  return [
    trial(alert, fires.series, fires.at, [expected]),
    ...silent.map(({ series, at }) => trial(alert, series, at, [])),
  ];
}

if (hasPromtool()) {
  test('promtool takes the rules, and the example that names them', () => {
    for (const args of [
      ['rules', RULES],
      ['config', join(dirname(RULES), 'prometheus.yml')],
    ]) {
      const { ok, output } = promtool(['check', ...args]);
      assert.ok(ok, output);
    }
  });

  for (const one of ALERT_CASES) {
    const not = one.silent.map(({ why }) => why);
    const but = not.length === 0 ? '' : `, and not if ${not.join(', or ')}`;
    test(`${one.alert} fires: "${one.fires.summary}"${but}`, (t) => {
      const document = { rule_files: [RULES], evaluation_interval: '1m', tests: trialsOf(one) };
      const { ok, output } = promtoolOn(t, ['test', 'rules'], document);
      assert.ok(ok, output);
    });
  }

  // Of one agent alone the directory is not told; of several each has its own series, and its own alerts.
  const isOfDirectory = ({ fires }: AlertCase) =>
    fires.agent !== null &&
    fires.series.some(([name]) => name.startsWith('awssyncer_') && !name.includes('directory='));
  for (const one of ALERT_CASES.filter(isOfDirectory).filter(({ alert }) => alert !== 'AwssyncerWatchLimitNear')) {
    test(`${one.alert} fires for each directory of an agent that keeps two: "${one.fires.summary}"`, (t) => {
      const { labels = {}, severity, summary, at, series } = one.fires;
      const both = series.flatMap(([name, values]): Series[] => {
        if (!name.startsWith('awssyncer_')) return [[name, values]];
        return ['d', 'e'].map((directory): Series => [name.replace('{', `{directory="${directory}",`), values]);
      });
      const expected = ['d', 'e'].map((directory) => ({
        exp_labels: { severity, job: 'awssyncer', instance: 'a', directory, ...labels },
        exp_annotations: {
          summary: summary.replace(/(?<=^|\s)a(?=[\s,:]|$)/, `a (${directory})`),
          runbook_url: runbookOf(one.alert),
        },
      }));
      const tests = [trial(one.alert, both, at, expected)];
      const { ok, output } = promtoolOn(t, ['test', 'rules'], {
        rule_files: [RULES],
        evaluation_interval: '1m',
        tests,
      });
      assert.ok(ok, output);
    });
  }

  test('recorded series are what they are called', (t) => {
    const labels = 'job="awssyncer",instance="a"';
    const info = `awssyncer_agent_info{${labels},local="/d",remote="s3://b/p/"}`;
    const bucket = (le: string) => `awssyncer_event_to_object_seconds_bucket{${labels},le="${le}"}`;
    const input: Series[] = [
      [info, '1x60'],
      [`awssyncer_uploaded_bytes_total{${labels}}`, '0+60x60'],
      [`awssyncer_requests_total{${labels},operation="GetObject",result="ok",code="ok"}`, '0+3x60'],
      [`awssyncer_requests_total{${labels},operation="GetObject",result="transient",code="X"}`, '0+1x60'],
      [`awssyncer_requests_total{${labels},operation="GetObject",result="not-found",code="X"}`, '0+4x60'],
      [bucket('1'), '0+90x60'],
      [bucket('10'), '0+100x60'],
      [bucket('+Inf'), '0+100x60'],
      [`awssyncer_oldest_dirty_age_seconds{${labels}}`, '0x57 30x60'],
    ];
    const values = {
      'job_instance_directory:awssyncer_uploaded_bytes:rate5m': 1,
      'remote:awssyncer_uploaded_bytes:rate5m{remote="s3://b/p/"}': 1,
      'job_instance_directory:awssyncer_requests_failed:ratio_rate5m': 0.125,
      'job_instance_directory:awssyncer_event_to_object_seconds:p95_5m': 5.5,
      'job_instance_directory:awssyncer_oldest_dirty_age_seconds:p95_1h': 0,
    };
    const document = {
      rule_files: [RULES],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: input.map(([series, samples]) => ({ series, values: samples })),
          promql_expr_test: Object.entries(values).map(([expr, value]) => ({
            expr: `round(sum(${expr}), 0.001)`,
            eval_time: '59m',
            exp_samples: [{ labels: '{}', value }],
          })),
        },
      ],
    };
    const { ok, output } = promtoolOn(t, ['test', 'rules'], document);
    assert.ok(ok, output);
  });
}
