// What a running agent answers over HTTP: metrics, probes, and what it refuses.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT } from '../../src/model/errors.ts';
import { METRICS } from '../../src/ops/metrics.ts';
import type { Cli } from '../support/cli.ts';
import { hasPromtool, promtool } from '../support/promtool.ts';
import { strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

async function baseOf(cli: Cli): Promise<string> {
  return `http://${/address=(\S+)/.exec(await cli.waitForLine(/answering over HTTP/))![1]}`;
}

async function codeOf(url: string, init?: RequestInit): Promise<number> {
  const answer = await fetch(url, init);
  await answer.text();
  return answer.status;
}

async function textOf(base: string): Promise<string> {
  const answer = await fetch(`${base}/metrics`);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return await answer.text();
}

/** Samples by their whole name, labels included. */
async function scrape(base: string): Promise<Map<string, number>> {
  const lines = (await textOf(base)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ [^ ]+$/, ''), Number(line.split(' ').at(-1))]));
}

test('probes: started and ready after the restore, alive all the time, not ready while it ends', async (t) => {
  const stage = await strictStage(t);
  stage.bucket.put('p/a', 'a', { mode: '100644' });
  const gate = stage.server.faults.add({ operation: 'GetObject', effect: { kind: 'gate' } });
  const cli = stage.start(['run', '--http', '0', stage.local, stage.url]);
  const base = await baseOf(cli);
  const probes = async () =>
    Object.fromEntries(
      await Promise.all(['livez', 'startupz', 'readyz'].map(async (name) => [name, await codeOf(`${base}/${name}`)])),
    );
  await gate.waiting();
  assert.deepEqual(await probes(), { livez: 200, startupz: 503, readyz: 503 });
  const during = await scrape(base);
  assert.equal(during.get('awssyncer_state{state="starting"}'), 1);
  assert.equal(during.get('awssyncer_concurrency_limit'), undefined);
  await gate.open();
  await cli.waitForLine(/ watching /);
  assert.deepEqual(await probes(), { livez: 200, startupz: 200, readyz: 200 });
  assert.equal((await scrape(base)).get('awssyncer_restored_files'), 1);
  stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'status', code: 'SlowDown' } });
  stage.write('b');
  await until('it is dirty', async () => (await scrape(base)).get('awssyncer_dirty_paths') === 1);
  cli.signal('SIGTERM');
  await cli.waitForLine(/told to end/);
  assert.deepEqual(await probes(), { livez: 200, startupz: 200, readyz: 503 });
  stage.server.faults.clear();
  assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
});

test('metrics tell what was done, what is waiting and what S3 answered', async (t) => {
  const stage = await strictStage(t);
  const cli = stage.start(['watch', '--http', '0', stage.local, stage.url]);
  const base = await baseOf(cli);
  await cli.waitForLine(/ watching /);
  stage.write('a', 'abc');
  assert.equal((await stage.run(['flush', stage.local])).code, EXIT.ok);
  const synced = await scrape(base);
  const values = (names: readonly string[]) => names.map((name) => [name, synced.get(`awssyncer_${name}`)]);
  assert.deepEqual(
    values([
      'uploaded_objects_total',
      'uploaded_bytes_total',
      'dirty_paths',
      'in_sync',
      'ledger_objects',
      'state{state="watching"}',
    ]),
    [
      ['uploaded_objects_total', 1],
      ['uploaded_bytes_total', 3],
      ['dirty_paths', 0],
      ['in_sync', 1],
      ['ledger_objects', 1],
      ['state{state="watching"}', 1],
    ],
  );
  assert.equal(synced.get('awssyncer_event_to_object_seconds_count'), 1);
  assert.equal(synced.get('awssyncer_event_to_object_seconds_bucket{le="+Inf"}'), 1);
  assert.ok(synced.get('awssyncer_requests_total{operation="PutObject",result="ok",code="ok"}')! >= 1);
  assert.equal(synced.get('awssyncer_watches'), 1);
  assert.equal(synced.get('awssyncer_lease_held'), 1);
  const sinceMs = Date.now() - synced.get('awssyncer_synced_until_timestamp_seconds')! * 1000;
  assert.ok(sinceMs >= 0 && sinceMs < 60_000);

  stage.server.faults.add({ operation: 'PutObject', effect: { kind: 'status', code: 'AccessDenied' } });
  stage.write('b');
  const refused = 'awssyncer_requests_total{operation="PutObject",result="denied",code="AccessDenied"}';
  await until('S3 has refused it', async () => (await scrape(base)).get(refused)! >= 1);
  await until('it ages', async () => (await scrape(base)).get('awssyncer_oldest_dirty_age_seconds')! > 0);
  const behind = await scrape(base);
  assert.deepEqual([behind.get('awssyncer_in_sync'), behind.get('awssyncer_dirty_paths')], [0, 1]);
  assert.ok(behind.get('awssyncer_retries_total')! >= 1);
  assert.equal(behind.get('awssyncer_problem_paths{kind="failed"}'), 1);
  assert.ok(Date.now() / 1000 - behind.get('awssyncer_last_full_scan_timestamp_seconds')! < 60);
  assert.equal(behind.get(`awssyncer_agent_info{local="${stage.local}",remote="${stage.url}"}`), 1);

  const known = new Map(METRICS.map(({ name, labels }) => [name, labels]));
  for (const name of behind.keys()) {
    const metric = name.replace(/\{.*$/, '').replace(/(?<=event_to_object_seconds)_(bucket|sum|count)$/, '');
    assert.ok(known.has(metric), name);
    const labels = [...name.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
    assert.deepEqual(labels, known.get(metric), name);
  }
  const { ok, output } = hasPromtool() ? promtool(['check', 'metrics'], await textOf(base)) : { ok: true, output: '' };
  assert.ok(ok && output === '', output);
  cli.signal('SIGTERM');
  await cli.exited;
});

test('what is not to be had over HTTP is refused, whatever the path looks like', async (t) => {
  const stage = await strictStage(t);
  const file = join(stage.dir, 'token');
  writeFileSync(file, 'a-token-of-many-letters');
  const cli = stage.start(['watch', '--http', '0', '--http-control', file, stage.local, stage.url]);
  const base = await baseOf(cli);
  await cli.waitForLine(/ watching /);
  for (const path of ['/metrics/', '//metrics', '/%2e%2e/etc/passwd', '/metrics?x=1', '/toString']) {
    assert.ok([400, 404].includes(await codeOf(base + path)), path);
  }
  for (const path of ['/metrics', '/livez', '/status']) {
    assert.equal(await codeOf(base + path, { method: 'POST' }), 405, path);
    assert.equal(await codeOf(base + path, { method: 'DELETE' }), 405, path);
  }
  assert.equal(await codeOf(`${base}/sync`, { method: 'POST' }), 401);
  const headers = { authorization: 'Bearer a-token-of-many-letters' };
  // A scan that is wanted while another waits is one with it.
  await until('the first scan has ended', async () => (await scrape(base)).get('awssyncer_in_sync') === 1);
  const scans = (await scrape(base)).get('awssyncer_scans_total')!;
  assert.equal(await codeOf(`${base}/sync`, { method: 'POST', headers }), 202);
  await until('the scan is counted', async () => (await scrape(base)).get('awssyncer_scans_total')! > scans);
  cli.signal('SIGTERM');
  await cli.exited;
});

test('an agent whose usual port is taken says so, and is asked by its socket', async (t) => {
  const stage = await strictStage(t);
  const taken = createServer();
  // Where somebody else has it already, it is taken all the same.
  await new Promise<void>((resolve) => {
    taken.on('error', () => resolve()).listen(9480, '127.0.0.1', resolve);
  });
  t.after(() => taken.close());
  const { AWSSYNCER_HTTP: _, ...env } = stage.env;
  const cli = stage.start(['watch', stage.local, stage.url], { env });
  await cli.waitForLine(/not answering over HTTP address=127.0.0.1:9480 reason=EADDRINUSE/);
  await cli.waitForLine(/ watching /);
  assert.equal((await stage.run(['status', stage.local])).code, EXIT.ok);
  cli.signal('SIGTERM');
  assert.deepEqual(await cli.exited, { code: EXIT.ok, signal: null }, cli.output());
});

test('where a server cannot have a lease, no metric tells of one, and what is in S3 alone is counted', async (t) => {
  const stage = await strictStage(t);
  const lease = { operation: 'PutObject', key: /\.awssyncer\/lease$/ } as const;
  stage.server.faults.add({ ...lease, effect: { kind: 'status', code: 'PreconditionFailed' } });
  stage.bucket.put('p/theirs', 'x');
  const cli = stage.start(['watch', '--http', '0', stage.local, stage.url]);
  const base = await baseOf(cli);
  await cli.waitForLine(/ watching /);
  const metrics = await scrape(base);
  assert.deepEqual(
    ['lease_held', 'lease_generation', 'checkpoint_interval_seconds', 'foreign_objects'].map((name) =>
      metrics.get(`awssyncer_${name}`),
    ),
    [undefined, undefined, undefined, 1],
  );
  cli.signal('SIGTERM');
  await cli.exited;
});
