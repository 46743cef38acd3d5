// A Prometheus of a test's own, where it is installed: on the loopback, with a storage that goes with the test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { cleanEnvironment } from './stage.ts';
import { tempDir } from './temp-dir.ts';
import { until } from './until.ts';

export interface PrometheusOptions {
  /** HOST:PORT of what it scrapes, as the job `awssyncer`. */
  readonly target: string;
  /** A file of rules. */
  readonly rules: string;
  /** Between two scrapes, and two evaluations. */
  readonly intervalMs: number;
}

export interface Prometheus {
  /** What its API answers: https://prometheus.io/docs/prometheus/latest/querying/api/ */
  ask<T>(path: string): Promise<T>;
  /** The values of an instant query. */
  query(expression: string): Promise<readonly number[]>;
}

/** Starts it; it ends with the test. */
export async function startPrometheus(t: TestContext, options: PrometheusOptions): Promise<Prometheus> {
  const { target, rules, intervalMs } = options;
  const directory = tempDir(t);
  const interval = `${intervalMs}ms`;
  const config = {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: [rules],
    scrape_configs: [{ job_name: 'awssyncer', static_configs: [{ targets: [target] }] }],
  };
  const file = join(directory, 'prometheus.yml');
  writeFileSync(file, JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(directory, 'data')}`, '--log.level=warn'];
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', 'prometheus', ...args, `--web.listen-address=${address}`],
    {
      env: cleanEnvironment(directory),
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const ended = once(child, 'exit');
  let output = '';
  child.stderr.on('data', (text) => {
    output += text;
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`prometheus ended: ${output}`);
    return await fetch(`http://${address}/-/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
  };
  await until('prometheus is ready', isReady, { detail: () => output });
  const ask = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`http://${address}/api/v1/${path}`)).json()) as { data: T };
    return answer.data;
  };
  return {
    ask,
    async query(expression) {
      const { result } = await ask<{ result: { value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(expression)}`,
      );
      return result.map(({ value: [, value] }) => Number(value));
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
