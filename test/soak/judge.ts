// Whether S3 holds what the tree says, and whether the way there was allowed.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { contentsOf, expectedObjects } from '../support/reference.ts';
import { awsEnvironment } from '../support/s3-targets.ts';
import { cleanEnvironment } from '../support/stage.ts';
import { fullTree } from '../support/trees.ts';
import type { AgentLook } from './agent-program.ts';
import { deletedKeys, knownUploads, overlaps } from './invariants.ts';
import type { LocalTree } from './local-tree.ts';
import type { RemoteObject } from './remote-bucket.ts';
import type { Place } from './world.ts';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** Somebody else's keys, among and beside ours. */
const FOREIGN = ['foreign/1', 'a-', 'a0', 'zz/'];

/** S3, the tree and the ledger do not agree, or a request was sent that must not be. */
export class Divergence extends Error {
  override readonly name = 'Divergence';
}

export class Judge {
  readonly #place: Place;
  readonly #tree: LocalTree;
  readonly #foreign = new Map<string, string>();
  #foreignUpload = '';
  /** What nobody can know to be ours since the ledger was lost. */
  readonly #orphans = new Set<string>();
  /** Uploads the agent was told of, so that it must see to their end. */
  readonly #owedUploads = new Set<string>();

  constructor(place: Place, tree: LocalTree) {
    this.#place = place;
    this.#tree = tree;
  }

  async begin(): Promise<void> {
    const { bucket, prefix, proxy } = this.#place;
    for (const name of FOREIGN) {
      this.#foreign.set(prefix + name, name);
      await bucket.put(prefix + name, name);
    }
    this.#foreignUpload = await bucket.beginUpload(`${prefix}foreign/upload`);
    proxy.clearRequests();
    this.#tree.remember();
  }

  /** Everything in S3 that has no path now belongs to nobody, and so do the open uploads. */
  async ledgerLost(): Promise<void> {
    const { bucket, prefix, proxy } = this.#place;
    for (const key of await bucket.keys(prefix)) this.#orphans.add(key);
    for (const uploadId of [...knownUploads(proxy.requests), ...(await bucket.uploads(prefix))])
      this.#orphans.add(uploadId);
  }

  /** @throws Divergence */
  async compare(look: AgentLook): Promise<void> {
    const { bucket, prefix, proxy, tally } = this.#place;
    tally.add('request', proxy.requests.length);
    const objects = await bucket.objects(prefix);
    const wrong = [
      ...this.#differences(objects),
      ...this.#lies(look, objects),
      ...look.problems.map((problem) => `problem: ${problem}`),
      ...(await this.#uploads()),
      ...overlaps(proxy.requests),
      ...this.#wrongDeletes(),
    ];
    if (wrong.length > 0) throw new Divergence(wrong.join('\n'));
    proxy.clearRequests();
    this.#tree.remember();
  }

  /** A restore elsewhere gives back the tree. @throws Divergence */
  async restore(base: string): Promise<void> {
    const { bucket, prefix, target } = this.#place;
    const copy = join(base, 'copy');
    const args = ['restore', '--state-dir', join(base, 'copy.state'), `s3://${bucket.name}/${prefix}`, copy];
    const env = { ...cleanEnvironment(base), ...awsEnvironment(target) };
    await run(process.execPath, [MAIN, ...args], { env });
    const [restored, tree] = [fullTree(copy), fullTree(this.#tree.root)];
    const wrong = Object.keys(tree).filter((path) => restored[path] !== tree[path]);
    await run('rm', ['-rf', copy, `${copy}.state`]);
    if (wrong.length === 0) return;
    throw new Divergence(wrong.map((path) => `restored ${path}: ${restored[path]}, must be ${tree[path]}`).join('\n'));
  }

  #differences(objects: ReadonlyMap<string, RemoteObject>): string[] {
    const { prefix } = this.#place;
    const stored = contentsOf(objects, { fully: true });
    const expected = expectedObjects(this.#tree.root, { prefix, fully: true });
    for (const [key, content] of this.#foreign) {
      if (objects.get(key)?.bytes.toString() !== content) return [`${key}, which is not ours, was touched`];
      delete stored[key];
    }
    return [...new Set([...Object.keys(stored), ...Object.keys(expected)])]
      .filter((key) => stored[key] !== expected[key] && !(expected[key] === undefined && this.#orphans.has(key)))
      .map((key) => `${key}: ${brief(stored[key])}, must be ${brief(expected[key])}`);
  }

  /** Rows that claim to know what S3 does not have. */
  #lies({ rows }: AgentLook, objects: ReadonlyMap<string, RemoteObject>): string[] {
    return rows.flatMap(({ key, state, etag }) => {
      const actual = objects.get(this.#place.prefix + key)?.etag;
      return state !== 'known' || etag === actual ? [] : [`the ledger knows ${key} as ${etag}, it is ${actual}`];
    });
  }

  /** An upload whose beginning was never answered stays open: nobody knows its id. */
  async #uploads(): Promise<string[]> {
    const { bucket, prefix, proxy } = this.#place;
    for (const uploadId of knownUploads(proxy.requests)) this.#owedUploads.add(uploadId);
    const open = await bucket.uploads(prefix);
    const foreign = open.includes(this.#foreignUpload) ? [] : ["somebody else's multipart upload was ended"];
    const forgotten = open.filter((uploadId) => this.#owedUploads.has(uploadId) && !this.#orphans.has(uploadId));
    return [...foreign, ...forgotten.map((uploadId) => `the multipart upload ${uploadId} was left open`)];
  }

  #wrongDeletes(): string[] {
    const { prefix, proxy } = this.#place;
    return deletedKeys(proxy.requests)
      .filter((key) => this.#foreign.has(key) || this.#tree.isUnbroken(key.slice(prefix.length)))
      .map((key) => `${key} was deleted though it never was absent`);
  }
}

function brief(content: string | undefined): string {
  if (content === undefined) return 'absent';
  return content.length < 200 ? `'${content}'` : `'${content.slice(0, 100)}...' (${content.length} characters)`;
}
