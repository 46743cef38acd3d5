// Two agents of the built CLI with one prefix between them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeLease, type LeaseDocument } from '../../src/lease/document.ts';
import type { Cli, Finished } from './cli.ts';
import type { StrictStage } from './stage.ts';

/** Whose lease lies in S3. */
export function leaseOf({ bucket }: Pick<StrictStage, 'bucket'>): LeaseDocument | undefined {
  const bytes = bucket.object('p/.awssyncer/lease')?.bytes;
  return bytes && decodeLease(bytes);
}

/** An agent with a directory and a state directory of its own. */
export class Pod {
  readonly local: string;
  readonly state: string;
  readonly #stage: StrictStage;

  constructor(stage: StrictStage, name: string) {
    this.#stage = stage;
    this.local = join(stage.dir, name);
    this.state = join(stage.dir, `${name}.state`);
    mkdirSync(this.local);
  }

  start(command: 'run' | 'watch' | 'sync', ...options: string[]): Cli {
    return this.#stage.start([command, '--state-dir', this.state, ...options, this.local, this.#stage.url]);
  }

  run(command: 'run' | 'watch' | 'sync', ...options: string[]): Promise<Finished> {
    return this.#stage.run([command, '--state-dir', this.state, ...options, this.local, this.#stage.url]);
  }

  at(path: string): string {
    return join(this.local, path);
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
  }
}
