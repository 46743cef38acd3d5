// `awssyncer agent` on a stage: directories of one bucket, each with a prefix and a state directory of its own.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectoryStatus, FleetStatus } from '../../src/ops/fleet-control.ts';
import type { Cli } from './cli.ts';
import { baseOf } from './http-agent.ts';
import { BUCKET, type StrictStage } from './stage.ts';
import { until } from './until.ts';

/** What the file says of a directory besides name, local, url and state-dir. */
export type Said = Readonly<Record<string, unknown>>;

export class FleetGround {
  readonly stage: StrictStage;
  /** The file of the agent. */
  readonly file: string;

  constructor(stage: StrictStage) {
    this.stage = stage;
    this.file = join(stage.dir, 'awssyncer.yaml');
  }

  local(name: string): string {
    return join(this.stage.dir, 'local', name);
  }

  /** Writes the file, of these directories. They are made unless `local` is said. JSON is YAML. */
  say(directories: Readonly<Record<string, Said>>): void {
    const all = Object.entries(directories).map(([name, said]) => {
      if (said['local'] === undefined) mkdirSync(this.local(name), { recursive: true });
      const own = { local: this.local(name), url: `s3://${BUCKET}/${name}`, 'state-dir': join(this.stage.dir, name) };
      return { name, ...own, ...said };
    });
    this.write(JSON.stringify({ directories: all }));
  }

  write(text: string): void {
    writeFileSync(`${this.file}.new`, text);
    renameSync(`${this.file}.new`, this.file);
  }

  /** An agent that answers over HTTP. */
  async start(...more: string[]): Promise<{ readonly cli: Cli; readonly base: string }> {
    const cli = this.stage.start(['agent', '--config', this.file, '--http', '0', ...more], { env: this.env });
    return { cli, base: await baseOf(cli) };
  }

  /** Without a state directory for all. */
  get env(): Record<string, string> {
    const { AWSSYNCER_STATE_DIR: _, ...env } = this.stage.env;
    return env;
  }

  put(name: string, path: string, content = path): void {
    writeFileSync(join(this.local(name), path), content);
  }

  /** The content of an object of this directory's prefix. */
  stored(name: string, path: string): string | undefined {
    return this.stage.bucket.text(`${name}/${path}`);
  }
}

export async function fleetStatusOf(base: string): Promise<FleetStatus> {
  return (await (await fetch(`${base}status`)).json()) as FleetStatus;
}

export async function directoryOf(base: string, name: string): Promise<DirectoryStatus | undefined> {
  return (await fleetStatusOf(base)).directories.find((directory) => directory.name === name);
}

/** Until all directories are watched. */
export async function allWatch(base: string, { output }: Cli): Promise<void> {
  await until('all are watched', async () => (await fleetStatusOf(base)).state === 'watching', { detail: output });
}
