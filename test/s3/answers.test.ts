// What the server answers is cut or changed, with headers and length that fit it: the store gives a StoreError or what
// is right, and never half an answer for a whole one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { StoreError } from '../../src/store/errors.ts';
import type { ListedObject, ObjectStore, Written } from '../../src/store/object-store.ts';
import { listed, NO_ATTRIBUTES, openStore } from '../contract/ground.ts';
import type { Operation } from '../strict-s3/operations.ts';
import type { StrictS3 } from '../strict-s3/server.ts';
import { ALL_TARGETS, type S3Target } from '../support/s3-targets.ts';

const BUCKET = 'bucket';
/** Each is the beginning of the next: a name that is cut is another's. */
const KEYS = ['k', 'k1', 'k12', 'k123'];
/** More with AWSSYNCER_TEST_ANSWERS. */
const RUNS = Number(process.env['AWSSYNCER_TEST_ANSWERS'] ?? 25);

let target: S3Target;
let server: StrictS3;
let store: ObjectStore;

before(async () => {
  target = await ALL_TARGETS[0]!.start({ buckets: [BUCKET], minPartBytes: 1 });
  server = target.strict!;
  store = openStore(target, { bucket: BUCKET, copyThresholdBytes: 5 });
});
after(async () => {
  store.close();
  await target.close();
});
/** An operation whose answer carries XML, and the call that reads it. */
interface Reader {
  readonly operation: Operation;
  /** Resolves to what the store believes. */
  readonly call: () => Promise<unknown>;
  /** Whether that is right, where the server answered truly and was cut off. */
  readonly isRight: (believed: unknown) => boolean;
}

const objectOf = (key: string) => server.bucket(BUCKET).object(key);
const isStored = (key: string) => (believed: unknown) => (believed as Written).etag === objectOf(key)?.etag;

function copy(from: string, to: string, sizeBytes = 1): Promise<unknown> {
  return store.copy({ key: from, etag: objectOf(from)!.etag, sizeBytes }, { key: to, attributes: NO_ATTRIBUTES });
}

const copyInParts = () => copy('k12', 'copied', 'body of k12'.length);

const READERS: readonly Reader[] = [
  {
    operation: 'ListObjectsV2',
    call: () => listed(store, ''),
    isRight: (believed) => (believed as ListedObject[]).map(({ key }) => key).join() === KEYS.join(),
  },
  {
    // The first of them cannot be deleted, and the names of the others begin with its name.
    operation: 'DeleteObjects',
    call: () => store.deleteMany(KEYS),
    isRight: (believed) => (believed as ReadonlyMap<string, Error>).has('k'),
  },
  { operation: 'CopyObject', call: () => copy('k1', 'k1', 1), isRight: isStored('k1') },
  ...(['CreateMultipartUpload', 'UploadPartCopy', 'CompleteMultipartUpload'] as const).map((operation) => ({
    operation,
    call: copyInParts,
    isRight: isStored('copied'),
  })),
];

/** Calls with this change made to every answer. */
async function withAnswer(
  { operation, call }: Reader,
  change: (body: Buffer) => Buffer,
  status = 200,
): Promise<{ readonly believed: unknown } | { readonly error: unknown }> {
  server.faults.clear();
  for (const key of KEYS) server.bucket(BUCKET).put(key, `body of ${key}`);
  server.bucket(BUCKET).remove('copied');
  server.faults.add({ operation: 'DeleteObjectsKey', key: /k$/, effect: { kind: 'status', code: 'AccessDenied' } });
  server.faults.add({ operation, effect: { kind: 'garbage', change, status } });
  try {
    return { believed: await call() };
  } catch (error) {
    return { error };
  }
}

for (const reader of READERS) {
  const { operation, isRight } = reader;
  describe(operation, () => {
    test('S4 S9 an answer that is cut anywhere is an error, or not needed any further', async () => {
      let lengthBytes = 0;
      const whole = await withAnswer(reader, (body) => {
        lengthBytes = body.length;
        return body;
      });
      assert.ok('believed' in whole && isRight(whole.believed), inspect(whole));
      // Every byte of the end, where a cut leaves most that looks whole, and some places before it.
      const step = Math.ceil(lengthBytes / 12);
      for (let end = 0; end < lengthBytes; end += end < lengthBytes - 12 ? step : 1) {
        const cut = await withAnswer(reader, (body) => body.subarray(0, end));
        if ('error' in cut) assert.ok(cut.error instanceof StoreError, inspect(cut));
        else assert.fail(`${end} of ${lengthBytes} bytes are believed: ${inspect(cut)}`);
      }
    });

    test('an Error after 200 is an error, with a line feed behind it too', async () => {
      for (const end of ['', '\n', ' \r\n']) {
        const error = '<?xml version="1.0"?>\n<Error><Code>SlowDown</Code><Message>later</Message></Error>';
        const answer = await withAnswer(reader, () => Buffer.from(error + end));
        assert.ok('error' in answer && answer.error instanceof StoreError, inspect(answer));
        assert.equal(answer.error.reaction, 'throttled', answer.error.message);
      }
    });

    test('whatever is answered, with whatever status, the store gives a result of its kind or a StoreError', async () => {
      await fc.assert(
        fc.asyncProperty(mutations, fc.constantFrom(200, 200, 200, 400, 403, 404, 500, 503), async (mutate, status) => {
          const answer = await withAnswer(reader, mutate, status);
          if ('error' in answer) assert.ok(answer.error instanceof StoreError, inspect(answer.error));
          else if (operation === 'ListObjectsV2') assertListing(answer.believed as ListedObject[]);
        }),
        { numRuns: RUNS },
      );
    });
  });
}

/** A result of its kind: no field is missing or not a number. */
function assertListing(objects: readonly ListedObject[]): void {
  for (const { key, sizeBytes, etag, lastModifiedMs } of objects) {
    assert.ok(typeof key === 'string' && typeof etag === 'string');
    assert.ok(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0, `${sizeBytes} bytes`);
    assert.ok(Number.isFinite(lastModifiedMs), `at ${lastModifiedMs}`);
  }
}

/** Ways to spoil a document: bytes changed, a stretch left out or said twice, an element's text replaced, anything else. */
const share = fc.double({ min: 0, max: 1, noNaN: true });
const at = (body: Buffer, where: number) => Math.floor(where * body.length);
const mutations: fc.Arbitrary<(body: Buffer) => Buffer> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => () => Buffer.from(bytes)),
  fc.tuple(share, fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([where, bytes]) => (body: Buffer) => {
    const changed = Buffer.from(body);
    changed.set(bytes.slice(0, body.length - Math.min(body.length, at(body, where))), at(body, where));
    return changed;
  }),
  fc.tuple(share, share).map(([from, to]) => (body: Buffer) => {
    return Buffer.concat([body.subarray(0, at(body, from)), body.subarray(at(body, to))]);
  }),
  fc
    .tuple(
      fc.nat(40),
      fc.oneof(fc.string(), fc.constantFrom('', '-1', 'NaN', '1e999', '&#0;', '%', '%zz', '<x/>', '&x;')),
    )
    .map(([index, text]) => (body: Buffer) => {
      let seen = 0;
      return Buffer.from(body.toString().replace(/>[^<]*</g, (found) => (seen++ === index ? `>${text}<` : found)));
    }),
);
