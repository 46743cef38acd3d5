// What a contract is run on, and small helpers to say it tersely.
import assert from 'node:assert/strict';
import { createHash, hash } from 'node:crypto';
import { ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3';
import { StoreError } from '../../src/store/errors.ts';
import type { ListedObject, ObjectStore, PartSource } from '../../src/store/object-store.ts';
import { createS3Store, type S3StoreOptions } from '../../src/store/s3-store.ts';
import type { Capability, S3Target } from '../support/s3-targets.ts';

/** A store under test on a bucket of its own. */
export interface Ground {
  readonly store: ObjectStore;
  readonly target: S3Target;
  /** The SDK's own client, for a look from outside. */
  readonly client: S3Client;
  /** Another store on the same server. */
  open(options: Partial<S3StoreOptions>): ObjectStore;
}

/** One claim about every ObjectStore. */
export interface Contract {
  readonly title: string;
  /** What the server must be able to do for the claim to hold. */
  readonly needs?: readonly Capability[];
  readonly run: (ground: Ground) => Promise<void>;
}

export const MIB = 2 ** 20;
/** Copies above this size go by parts in contracts; S3's smallest part is 5 MiB. */
export const COPY_THRESHOLD_BYTES = 6 * MIB;
export const NO_ATTRIBUTES = { metadata: {} };

/** Keys that encoders, decoders, routers and parsers get wrong. */
export const HOSTILE_KEYS: readonly string[] = [
  ...['a b', 'a+b', 'a%b', 'a%2Fb', 'a%252Fb', 'a&b', '<k>', '"q"', "it's", 'é/ö', '\u{1f600}', 'e\u0301'],
  ...[
    '#',
    '?x=y',
    'a=b',
    ';',
    ':',
    '@',
    ',',
    '!*()~',
    'a\\b',
    '$&',
    'x '.repeat(3),
    '日本',
    'dir/',
    '\ue000',
    '~',
    '-',
  ],
];

/** A store with the contracts' settings; parts and pages are sent once. */
export function openStore(target: S3Target, options: Partial<S3StoreOptions> & { bucket: string }): ObjectStore {
  return createS3Store({
    endpointUrl: target.endpoint,
    region: target.region,
    credentials: target.credentials,
    requestTimeoutMs: 10_000,
    version: 'test',
    copyThresholdBytes: COPY_THRESHOLD_BYTES,
    retry: (attempt) => attempt(),
    ...options,
  });
}

export function md5(bytes: Buffer | string): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Bytes that differ everywhere, so that a part in the wrong place shows. */
export function patterned(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
  return bytes;
}

/** A source that serves these bytes and notes what is asked of it. */
export function sourceOf(bytes: Buffer, change: Partial<PartSource> = {}): PartSource & { readonly calls: string[] } {
  const calls: string[] = [];
  let offset = 0;
  return {
    calls,
    sizeBytes: bytes.length,
    next: async (lengthBytes) => {
      calls.push('next');
      const part = Buffer.from(bytes.subarray(offset, offset + lengthBytes));
      offset += lengthBytes;
      // Whoever reads on after the release finds other bytes.
      return { bytes: part, sha256: hash('sha256', part), release: () => void part.fill(0) };
    },
    verify: async () => {
      calls.push('verify');
    },
    ...change,
  };
}

export async function read(store: ObjectStore, key: string): Promise<Buffer> {
  const { body } = await store.get(key);
  return Buffer.concat(await body.toArray());
}

export async function keysUnder(store: ObjectStore, prefix: string): Promise<string[]> {
  return (await listed(store, prefix)).map(({ key }) => key);
}

export async function listed(store: ObjectStore, prefix: string): Promise<ListedObject[]> {
  return (await pagesOf(store.list(prefix))).flat();
}

export async function pagesOf<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(page);
  return all;
}

/** Asserts that it fails with a StoreError of this reaction whose message names the key, and returns the error. */
export async function rejectsAs(reaction: StoreError['reaction'], promise: Promise<unknown>): Promise<StoreError> {
  const error = await promise.then(
    () => assert.fail(`it must fail as ${reaction}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StoreError, String(error));
  assert.equal(error.reaction, reaction, error.message);
  assert.match(error.message, /^Cannot [a-z ]+ s3:\/\//);
  return error;
}

/** The multipart uploads under way in the store's bucket. */
export async function openUploads({ client, store }: Ground): Promise<string[]> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: store.bucket }));
  return Uploads.map(({ Key = '' }) => Key);
}
