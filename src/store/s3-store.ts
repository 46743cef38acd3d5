// ObjectStore on S3.
import { chosenRequests } from './chosen-requests.ts';
import { classify } from './classify.ts';
import { StoreError } from './errors.ts';
import { proxiesOf } from './http/proxies.ts';
import { lazySdk } from './lazy-sdk.ts';
import { leanWherePossible } from './lean/lean-where-possible.ts';
import { plainAccount } from './lean/plain-account.ts';
import { withSettings } from './object-settings.ts';
import type { CallOptions, ObjectAttributes, ObjectStore, PutOptions, Written } from './object-store.ts';
import type { UploadPlace } from './rare-requests.ts';
import type { ServerKind } from './rgw.ts';
import type { ConnectionOptions } from './s3-client.ts';
import { copyObject } from './s3-copy.ts';
import { getBytes, getObject } from './s3-get.ts';
import { listObjects } from './s3-list.ts';
import { putInParts } from './s3-multipart.ts';
import { pastStore, versionsOf } from './s3-past.ts';
import { acknowledged, headObject, type Retry, type S3Session, send, senseless, signalOf } from './s3-session.ts';

/** What an S3 store is made of. */
export interface S3StoreOptions extends ConnectionOptions {
  readonly bucket: string;
  /** The policy for listing pages and parts of multipart uploads; everything else is sent once. */
  readonly retry: Retry;
  /** Where `check` may list: a policy can allow no more than one prefix. Default: the whole bucket. */
  readonly checkPrefix?: string;
  /** Objects per page of a listing. Default: 1,000, the most a server gives. */
  readonly listPageKeys?: number;
  /** Copies above this size go by parts. Default: 5 GiB, the most one CopyObject takes. */
  readonly copyThresholdBytes?: number;
  /** `sdk`: the reference, which sends everything by the SDK. Default: lean requests wherever they can be signed. */
  readonly transport?: 'lean' | 'sdk';
  /** Told how each request ended, by S3's name of the operation; undefined: well. */
  readonly onAnswer?: S3Session['answered'];
}

const GIB = 1024 ** 3;

/** A store of one bucket. Nothing is sent before the first call. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const { bucket, retry, checkPrefix = '', listPageKeys = 1_000, copyThresholdBytes = 5 * GIB } = options;
  const { settings = {} } = options;
  const isLean = options.transport !== 'sdk';
  const plain = isLean ? plainAccount(options) : undefined;
  const server: ServerKind = { isRgw: undefined };
  const sdk = lazySdk({ ...options, server, signing: plain?.signing });
  const sdkRequests = async () => (await sdk.get()).requests;
  const account = async () => plain ?? (await sdk.get()).account();
  const lean = { ...options, server, proxies: proxiesOf(options.env ?? {}) };
  const requests = isLean ? leanWherePossible(lean, { account, sdkRequests }) : chosenRequests(sdkRequests);
  const session: S3Session = { requests, rare: sdk.rare, server, bucket, retry, answered: options.onAnswer };
  return {
    bucket,
    check: (call = {}) => checkBucket(session, checkPrefix, call),
    head: (key, call = {}) => headObject(session, key, call),
    put: (key, body, attributes, call = {}) =>
      putObject(session, key, { body, attributes: withSettings(attributes, key, settings), call }),
    putMultipart: async (key, source, attributes, multipart) => {
      const object = { source, attributes: withSettings(attributes, key, settings), multipart };
      return isLean ? putInParts(session, key, object) : (await sdk.get()).putInParts(session, key, object);
    },
    get: (key, get = {}) => getObject(session, key, get),
    getBytes: (key, get) => getBytes(session, key, get),
    copy: (from, { key, attributes }, copy = {}) => {
      const to = { key, attributes: withSettings(attributes, key, settings) };
      return copyObject(session, { from, to, copyThresholdBytes, options: copy });
    },
    deleteMany: (keys, call = {}) => deleteObjects(session, keys, call),
    list: (prefix, call = {}) => listObjects(session, { prefix, pageKeys: listPageKeys }, call),
    abortMultipart: (key, uploadId, call = {}) => abortUpload(session, { key, uploadId }, call),
    past: (choice) => pastStore(session, { choice, pageKeys: listPageKeys }),
    versions: (key, call = {}) => versionsOf(session, { key, pageKeys: listPageKeys }, call),
    close: () => {
      requests.close();
      sdk.close();
    },
  };
}

/**
 * HEAD answers a refusal without saying why, and any web server answers it with 200; S3 gives every request an id. In
 * doubt a listing of a single key tells.
 */
async function checkBucket(session: S3Session, prefix: string, options: CallOptions): Promise<void> {
  const request = { ...options, action: 'use' } as const;
  try {
    const { RequestId } = await send(session, request, (o) => session.requests.headBucket(o));
    if (RequestId !== undefined) return;
  } catch (error) {
    if (!(error instanceof StoreError) || !['denied', 'not-found', 'rejected', 'fatal'].includes(error.reaction))
      throw error;
  }
  const { IsTruncated } = await send(session, request, (o) => session.requests.listObjects({ prefix, maxKeys: 1 }, o));
  if (IsTruncated === undefined) throw senseless(session, request);
}

async function putObject(
  session: S3Session,
  key: string,
  object: { body: Buffer; attributes: ObjectAttributes; call: PutOptions },
): Promise<Written> {
  const { body, attributes, call } = object;
  const { ifAbsent = false, sha256 } = call;
  // RGW (16.2 at least) compares the header as it is, quotes included.
  const ifMatch = call.ifMatch === undefined || session.server.isRgw ? call.ifMatch : `"${call.ifMatch}"`;
  const put = { key, body, attributes, ifMatch, ifNoneMatch: ifAbsent ? '*' : undefined, sha256 } as const;
  const request = { ...signalOf(call), action: 'put', key, writes: true } as const;
  const answer = await send(session, request, (o) => session.requests.putObject(put, o));
  return acknowledged(session, answer, { request, sizeBytes: body.length, attributes });
}

/** Not in quiet mode: a key counts as deleted only if the server says so by name or tells its error. */
async function deleteObjects(
  session: S3Session,
  keys: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, Error>> {
  const failed = new Map<string, Error>();
  if (keys.length === 0) return failed;
  const { bucket } = session;
  const request = { ...options, action: 'delete', writes: true } as const;
  const answer = await send(session, request, (o) => session.requests.deleteObjects(keys, o));
  const deleted = new Set(answer.Deleted?.map(({ Key }) => Key));
  const errors = new Map(answer.Errors?.map((error) => [error.Key, error]));
  for (const key of keys) {
    if (deleted.has(key)) continue;
    const { Code: name = '', Message: message = 'the server did not mention it' } = errors.get(key) ?? {};
    const attempted = { action: 'delete', bucket, key, writes: !errors.has(key), aborted: false } as const;
    const error = classify({ name, message }, attempted);
    if (error.reaction !== 'not-found') failed.set(key, error);
  }
  return failed;
}

async function abortUpload(session: S3Session, upload: UploadPlace, options: CallOptions): Promise<void> {
  const request = { ...options, action: 'abort the upload of', key: upload.key } as const;
  try {
    await send(session, request, (o) => session.rare.abortUpload(upload, o));
  } catch (error) {
    if (!(error instanceof StoreError) || error.reaction !== 'not-found') throw error;
  }
}
