// A real Prometheus scrapes a real agent and evaluates the rules that are shipped.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import { isInstalled } from '../support/other-clients.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { RULES } from '../support/promtool.ts';
import { strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

interface Alert {
  readonly labels: { readonly alertname: string };
  readonly annotations: { readonly summary: string };
  readonly state: 'pending' | 'firing';
}

interface RuleGroups {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string; readonly lastError?: string }[];
  }[];
}

/** The rules with an AwssyncerBehind that needs seconds where it needs minutes. */
function hastened(): string {
  const rules = readFileSync(RULES, 'utf8');
  const [before, after] = rules.split('- alert: AwssyncerBehind\n');
  const alert = after!.replace('_seconds > 600\n', '_seconds > 1\n').replace('for: 1m\n', 'for: 2s\n');
  return `${before}- alert: AwssyncerBehind\n${alert}`;
}

if (isInstalled('prometheus')) {
  test('an agent that S3 refuses is behind: the alert is pending, then firing, and over when S3 takes it', async (t) => {
    const stage = await strictStage(t);
    const cli = stage.start(['watch', '--http', '0', stage.local, stage.url]);
    const [, target] = /address=(\S+)/.exec(await cli.waitForLine(/answering over HTTP/))!;
    await cli.waitForLine(/ watching /);
    const rules = join(stage.dir, 'rules.yml');
    writeFileSync(rules, hastened());
    const prometheus = await startPrometheus(t, { target: target!, rules, intervalMs: 200 });
    const alertsNow = async () => (await prometheus.ask<{ alerts: Alert[] }>('alerts')).alerts;
    const behind = async () => (await alertsNow()).find(({ labels }) => labels.alertname === 'AwssyncerBehind');

    await until('it is scraped', async () => (await prometheus.query('up{job="awssyncer"} == 1')).length === 1);
    const unknown = async () =>
      (await prometheus.ask<RuleGroups>('rules')).groups.flatMap(({ rules: all }) =>
        all.filter(({ health }) => health !== 'ok'),
      );
    await until('every rule was evaluated well', async () => (await unknown()).length === 0, {
      detail: () => 'see lastError in /api/v1/rules',
    });
    await until('all is well', async () => (await alertsNow()).length === 0);

    stage.server.faults.add({
      operation: 'PutObject',
      key: /refused$/,
      effect: { kind: 'status', code: 'AccessDenied' },
    });
    stage.write('refused');
    await until('it is pending', async () => (await behind())?.state === 'pending');
    await until('it fires', async () => (await behind())?.state === 'firing');
    assert.match(
      (await behind())!.annotations.summary,
      /^What was written \d+.*s ago on 127\.0\.0\.1:\d+ is not in S3$/,
    );

    stage.server.faults.clear();
    assert.equal((await stage.run(['flush', stage.local])).code, EXIT.ok);
    await until('it is over', async () => (await behind()) === undefined);
    const series = `remote:awssyncer_uploaded_objects:rate5m{remote="${stage.url}"}`;
    await until('what was sent is recorded by prefix', async () => (await prometheus.query(series)).some((n) => n > 0));
    cli.signal('SIGTERM');
    assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
  });
} else {
  console.log('prometheus: not installed');
}
