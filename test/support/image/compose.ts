// What `docker compose` does with our example, as far as one machine without an engine can: containers of one tree that
// share a loopback, on which every service has its name.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { until } from '../until.ts';
import { type ContainerOptions, type Image, type Running, startContainer } from './image.ts';
import { Network } from './network.ts';

const DEADLINE_MS = 30_000;

export interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target?: string };
  readonly user?: string;
  readonly command?: readonly string[];
  readonly working_dir?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test?: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
}

export interface Composition {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

export const readComposition = (path: string): Composition => parse(readFileSync(path, 'utf8'), { merge: true });

export interface Surroundings {
  readonly composition: Composition;
  readonly image: Image;
  /** The volumes are made in it. */
  readonly directory: string;
  /** What a service of another image than ours needs. */
  readonly foreign: Readonly<Record<string, ContainerOptions>>;
}

/** All services of a file. Each is started when those that it depends on are healthy, and stopped before them. */
export class Stack implements AsyncDisposable {
  readonly #surroundings: Surroundings;
  readonly #running = new Map<string, Running>();
  #network: Network | undefined;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  async up(): Promise<void> {
    this.#network ??= await Network.open();
    for (const name of Object.keys(this.#surroundings.composition.services)) await this.#start(name);
  }

  output(name: string): string {
    return this.#running.get(name)!.output();
  }

  /** Stops all of them. @returns their exit codes */
  async down(): Promise<Record<string, number | null>> {
    const codes: Record<string, number | null> = {};
    for (const [name, { process, ended }] of [...this.#running].reverse()) {
      process.kill('SIGTERM');
      codes[name] = (await ended).code;
      this.#running.delete(name);
    }
    return codes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#running.values()) process.kill('SIGKILL');
    await this.#network?.[Symbol.asyncDispose]();
  }

  async #start(name: string): Promise<void> {
    if (this.#running.has(name)) return;
    const { command, depends_on: dependencies = {} } = this.#service(name);
    for (const [other, { condition }] of Object.entries(dependencies)) {
      assert.equal(condition, 'service_healthy');
      await this.#start(other);
      await this.#healthy(other);
    }
    this.#running.set(name, this.#run(name, command?.map(unescaped)));
  }

  async #healthy(name: string): Promise<void> {
    const [kind, ...command] =
      this.#service(name).healthcheck?.test ?? this.#surroundings.image.config.Healthcheck.Test;
    assert.equal(kind, 'CMD');
    const isHealthy = async () => (await this.#run(name, command.map(unescaped)).ended).code === 0;
    const detail = () => this.output(name);
    await until(`${name} is healthy`, isHealthy, { deadlineMs: DEADLINE_MS, pauseMs: 50, detail });
  }

  #run(name: string, command: readonly string[] | undefined): Running {
    const { image, directory, foreign, composition } = this.#surroundings;
    const { environment, volumes, user } = this.#service(name);
    assert.equal(user ?? image.config.User, image.config.User);
    const hosts = join(directory, 'hosts');
    writeFileSync(hosts, `127.0.0.1 localhost ${Object.keys(composition.services).join(' ')}\n`);
    const places = volumes.map((volume) => volume.split(':') as [volume: string, path: string]);
    return startContainer(image, {
      ...foreign[name],
      ...(command !== undefined && { command }),
      env: environment ?? {},
      volumes: Object.fromEntries(places.map(([volume, path]) => [path, join(directory, volume)])),
      readable: { ...foreign[name]?.readable, '/etc/hosts': hosts },
      networkOf: this.#network!.pid,
      directory: this.#service(name).working_dir ?? '/',
    });
  }

  #service(name: string): Service {
    return this.#surroundings.composition.services[name]!;
  }
}

/** Compose takes `$` for its own variables. */
const unescaped = (text: string): string => text.replaceAll('$$', '$');
