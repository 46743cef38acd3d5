// A pod of docker/kubernetes, as far as one machine without Kubernetes can run it: its containers in the tree of our image,
// in a network of their own, with the volume that they share, started in the order and on the conditions that it names.
import assert from 'node:assert/strict';
import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Container, type Manifest, type Pod, podOf } from '../kubernetes.ts';
import { until } from '../until.ts';
import { type Image, type Running, startContainer } from './image.ts';
import type { Network } from './network.ts';

/** Times that Kubernetes has in seconds are shorter here. */
const PROBE_MS = 50;
const DEADLINE_MS = 60_000;
const POD_USER = 1000;

export interface PodSurroundings {
  readonly manifest: Manifest;
  readonly image: Image;
  /** What secrets and operators add to the environment of awssyncer. */
  readonly env: Readonly<Record<string, string>>;
  /** Its network; the S3 server is in it. */
  readonly network: Network;
}

/** One life of the pod. */
export class RunningPod {
  readonly #around: PodSurroundings;
  readonly #pod: Pod;
  /** The volume on this machine. */
  readonly #volume: string;
  readonly #running = new Map<string, Running>();

  /** @param volume a directory: what is in it outlives the pod */
  constructor(around: PodSurroundings, volume: string) {
    this.#around = around;
    this.#pod = podOf(around.manifest)!;
    this.#volume = volume;
  }

  /** Where the application has its files, on this machine. */
  get data(): string {
    return join(this.#volume, 'data');
  }

  /** Sidecars first, each when the one before it has started; then the application. */
  async up(): Promise<void> {
    const { initContainers = [], containers } = this.#pod.spec;
    for (const container of initContainers) {
      assert.equal(container.restartPolicy, 'Always', 'it is a native sidecar');
      this.#start(container);
      await this.#started(container);
    }
    for (const container of containers) this.#start(container);
  }

  /** Runs a program in a container, as `kubectl exec` does. */
  exec(name: string, command: readonly string[]): Running {
    const { initContainers = [], containers } = this.#pod.spec;
    return this.#run([...initContainers, ...containers].find((container) => container.name === name)!, command);
  }

  output(name: string): string {
    return this.#running.get(name)!.output();
  }

  /** As when the node is lost. */
  async kill(): Promise<void> {
    for (const { process } of this.#running.values()) process.kill('SIGKILL');
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  /** As when it is deleted: the application first. @returns the exit code of awssyncer */
  async delete(): Promise<number | null> {
    let last: number | null = null;
    for (const { process, ended } of [...this.#running.values()].reverse()) {
      process.kill('SIGTERM');
      last = (await ended).code;
    }
    return last;
  }

  #start(container: Container): void {
    this.#running.set(container.name, this.#run(container, container.command));
  }

  #run({ env = [], envFrom, volumeMounts = [] }: Container, command: readonly string[] | undefined): Running {
    const given = env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
    const places = volumeMounts.map(({ mountPath, subPath }) => [mountPath, this.#directory(subPath!)] as const);
    return startContainer(this.#around.image, {
      ...(command !== undefined && { command }),
      env: { ...Object.fromEntries(given), ...(envFrom === undefined ? {} : this.#around.env) },
      volumes: Object.fromEntries(places),
      networkOf: this.#around.network.pid,
    });
  }

  /** As fsGroup has it: everybody in the pod may write into it. */
  #directory(subPath: string): string {
    const directory = join(this.#volume, subPath);
    mkdirSync(directory, { recursive: true });
    chownSync(directory, POD_USER, POD_USER);
    return directory;
  }

  async #started({ name, startupProbe, ports = [] }: Container): Promise<void> {
    const { path, port } = startupProbe!.httpGet;
    const number = ports.find((one) => one.name === port)!.containerPort;
    const answers = async () => (await this.#around.network.get(`http://127.0.0.1:${number}${path}`)).code === 200;
    const detail = () => this.output(name);
    await until(`${name} has started`, answers, { deadlineMs: DEADLINE_MS, pauseMs: PROBE_MS, detail });
  }
}
