// Objects for trial in a place of their own. What may have been stored there is remembered, and removed in the end.
import { hash, randomBytes, randomUUID } from 'node:crypto';
import { createLease } from '../agent/leasing.ts';
import { LEASE_KEY } from '../lease/document.ts';
import type { CallOptions, ObjectStore, PartSource, Written } from '../store/object-store.ts';
import type { Retry } from '../transfer/retry.ts';

const MIB = 1024 ** 2;
/** The least that S3 takes for a part that is not the last. */
const PART_BYTES = 5 * MIB;

/** How long so many bytes took. */
export interface Pace {
  readonly bytes: number;
  readonly ms: number;
}

export interface TrialOptions {
  readonly store: ObjectStore;
  /** What all keys begin with; ends in '/'. */
  readonly place: string;
  /** For what is sent once; parts and listings retry by themselves. */
  readonly retry: Retry;
  readonly requestTimeoutMs: number;
  readonly version: string;
}

/** A place that no other examination knows of. */
export function trialPlace(prefix: string): string {
  return `${prefix}.awssyncer/doctor/${randomUUID()}/`;
}

const SMALL = Buffer.from('awssyncer doctor\n');

export class Trial {
  /** What the next requests are sent by. */
  store: ObjectStore;
  readonly #o: TrialOptions;
  readonly #keys = new Set<string>();
  /** Content that nothing on the way can make smaller. */
  readonly #large = randomBytes(PART_BYTES + 1);
  #small: Written | undefined;

  constructor(options: TrialOptions) {
    this.#o = options;
    this.store = options.store;
  }

  async put(call: CallOptions): Promise<void> {
    this.#small = await this.#put('object', this.store, call);
  }

  /** Stores another object by another store. */
  async putBy(store: ObjectStore, call: CallOptions): Promise<void> {
    await this.#put('settings', store, call);
  }

  /** @returns how many milliseconds it took */
  async head(call: CallOptions): Promise<number> {
    const startedMs = performance.now();
    const head = await this.store.head(this.#key('object'), call);
    if (head?.sizeBytes !== SMALL.length) throw new Error('HeadObject does not tell of what was stored');
    return performance.now() - startedMs;
  }

  async get(call: CallOptions): Promise<void> {
    await this.#get('object', SMALL, call);
  }

  async list(call: CallOptions): Promise<void> {
    for await (const _ of this.store.list(this.#o.place, call));
  }

  async listVersions(call: CallOptions): Promise<void> {
    for await (const _ of this.store.versions(this.#key('object'), call));
  }

  /** Copies what `put` stored. */
  async copy(call: CallOptions): Promise<void> {
    const from = { key: this.#key('object'), etag: this.#small!.etag, sizeBytes: SMALL.length };
    const to = { key: this.#key('copy'), attributes: { metadata: {} } };
    await this.#o.retry(() => this.store.copy(from, to, call), call);
  }

  /** Stores an object in two parts. @returns the pace of the parts */
  async putInParts(call: CallOptions): Promise<Pace> {
    let startedMs: number | undefined;
    let ms = 0;
    const source = this.#source({
      onNext: async () => {
        startedMs ??= performance.now();
      },
      verify: async () => {
        ms = performance.now() - startedMs!;
      },
    });
    await this.#putSource('parts', { source, call });
    return { bytes: source.sizeBytes, ms };
  }

  /** Reads that object. */
  async getParts(call: CallOptions): Promise<Pace> {
    const startedMs = performance.now();
    await this.#get('parts', this.#large, call);
    return { bytes: this.#large.length, ms: performance.now() - startedMs };
  }

  /** Begins an upload in parts and aborts it. One that cannot be aborted is completed, so that it can be deleted. */
  async abortUpload(call: CallOptions): Promise<void> {
    const key = this.#key('aborted');
    const aborted = new Error('the upload is aborted');
    let uploadId = '';
    let refusal: unknown;
    const source = this.#source({
      onNext: async () => {
        if (refusal !== undefined) return;
        try {
          await this.store.abortMultipart(key, uploadId, call);
        } catch (error) {
          refusal = error;
          return;
        }
        throw aborted;
      },
      verify: async () => {},
    });
    const onStarted = (id: string): void => {
      uploadId = id;
    };
    try {
      await this.#putSource('aborted', { source, call, onStarted });
    } catch (error) {
      if (error === aborted) return;
      throw refusal ?? error;
    }
    throw refusal;
  }

  /** Takes a lease as an agent would, and gives it back. @throws UnsupportedError */
  async holdLease(signal: AbortSignal): Promise<void> {
    const { place: prefix, version, requestTimeoutMs, retry } = this.#o;
    this.#key(LEASE_KEY);
    const setting = { mode: 'lazy', isOptional: false, ttlMs: 30_000, steal: false } as const;
    const lease = createLease(setting, { store: this.store, prefix, stateDir: null, version, requestTimeoutMs, retry });
    await lease.take({ ledgerGeneration: null, impatient: true, refuseIfBehind: false, onWait: () => {}, signal });
    if (!(await lease.release())) throw new Error('a lease was taken, and could not be given back');
  }

  /** Removes everything that may be there. @throws StoreError of one that stays */
  async remove(call: CallOptions): Promise<void> {
    this.#key('object');
    await this.#o.retry(async () => {
      const [failed] = (await this.store.deleteMany([...this.#keys], call)).values();
      if (failed !== undefined) throw failed;
    }, call);
  }

  #key(name: string): string {
    const key = this.#o.place + name;
    this.#keys.add(key);
    return key;
  }

  #put(name: string, store: ObjectStore, call: CallOptions): Promise<Written> {
    const key = this.#key(name);
    return this.#o.retry(() => store.put(key, SMALL, { metadata: {} }, call), call);
  }

  async #get(name: string, stored: Buffer, call: CallOptions): Promise<void> {
    const get = { maxBytes: stored.length, ...call };
    const { bytes } = await this.#o.retry(() => this.store.getBytes(this.#key(name), get), call);
    if (!bytes.equals(stored)) throw new Error('GetObject does not give what was stored');
  }

  #source({ onNext, verify }: { onNext(): Promise<void>; verify(): Promise<void> }): PartSource {
    let at = 0;
    return {
      sizeBytes: this.#large.length,
      next: async (lengthBytes) => {
        await onNext();
        const bytes = this.#large.subarray(at, at + lengthBytes);
        at += lengthBytes;
        return { bytes, sha256: hash('sha256', bytes), release: () => {} };
      },
      verify,
    };
  }

  async #putSource(
    name: string,
    { source, call, onStarted = () => {} }: { source: PartSource; call: CallOptions; onStarted?(id: string): void },
  ): Promise<void> {
    const options = { ...call, partSizeBytes: PART_BYTES, concurrency: 1, onStarted };
    await this.store.putMultipart(this.#key(name), source, { metadata: {} }, options);
  }
}
