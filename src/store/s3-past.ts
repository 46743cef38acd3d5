// What a bucket that keeps versions held at a moment.
import { StoreError } from './errors.ts';
import { compareKeys } from './key-order.ts';
import type { CallOptions, ListedObject, ObjectStore, ObjectVersion, PastChoice, VersionName } from './object-store.ts';
import { getBytes, getObject } from './s3-get.ts';
import { decodedKey, outOfOrder } from './s3-list.ts';
import type { VersionAnswer } from './s3-requests.ts';
import { headVersion, type S3Session, send, sendRetried, senseless, signalOf, unquoted } from './s3-session.ts';

/** What of a bucket's past is wanted. */
export interface Past {
  readonly choice: PastChoice;
  /** Versions per page of a listing. */
  readonly pageKeys: number;
}

/**
 * See ObjectStore.past. At a moment an object is the newest version that S3 dates no later than that; where this is a
 * delete marker there is none. Which version it is, only a listing tells: what was not listed is not found.
 */
export function pastStore(session: S3Session, past: Past): ObjectStore {
  const versions = new Map<string, string>();
  const refuse = (): never => {
    throw new StoreError('Cannot write to the past', { reaction: 'rejected', code: 'NotImplemented' });
  };
  const requireVersion = (key: string): string => {
    const versionId = versions.get(key);
    if (versionId !== undefined) return versionId;
    throw new StoreError(`Cannot get s3://${session.bucket}/${key}: it was not there then`, {
      reaction: 'not-found',
      code: 'NoSuchKey',
    });
  };
  return {
    bucket: session.bucket,
    check: (call = {}) => requireVersions(session, call),
    list: async function* (prefix, call = {}) {
      for await (const page of listPast(session, { ...past, prefix }, call)) {
        for (const { key, versionId } of page) versions.set(key, versionId);
        yield page;
      }
    },
    head: async (key, call = {}) => {
      const versionId = versions.get(key);
      return versionId === undefined ? undefined : headVersion(session, { key, versionId }, call);
    },
    get: async (key, options = {}) => getObject(session, key, { ...options, versionId: requireVersion(key) }),
    getBytes: async (key, options) => getBytes(session, key, { ...options, versionId: requireVersion(key) }),
    put: refuse,
    putMultipart: refuse,
    copy: refuse,
    deleteMany: refuse,
    abortMultipart: refuse,
    past: (choice) => pastStore(session, { ...past, choice }),
    versions: (key, call = {}) => versionsOf(session, { key, pageKeys: past.pageKeys }, call),
    close: () => {},
  };
}

/** Where it may not be asked whether there are versions, the listing tells what there is. */
async function requireVersions(session: S3Session, options: CallOptions): Promise<void> {
  const request = { ...options, action: 'use' } as const;
  try {
    const { Status } = await send(session, request, (o) => session.requests.bucketVersioning(o));
    if (Status !== undefined) return;
  } catch (error) {
    if (error instanceof StoreError && error.reaction === 'denied') return;
    throw error;
  }
  throw new StoreError(`Cannot use s3://${session.bucket} as it was: it keeps no versions`, {
    reaction: 'fatal',
    code: 'NoVersions',
    hint: 'versioning keeps what is written from when it is turned on (aws s3api put-bucket-versioning)',
  });
}

type PastObject = ListedObject & { readonly versionId: string };

async function* listPast(
  session: S3Session,
  { choice, pageKeys, prefix }: Past & { readonly prefix: string },
  options: CallOptions,
): AsyncGenerator<readonly PastObject[]> {
  const isChosen = 'atMs' in choice ? datedUntil(choice.atMs) : named(choice.versions);
  const found = new Set<string>();
  let last: string | undefined;
  let isDecided = false;
  for await (const page of listVersions(session, { prefix, pageKeys }, options)) {
    const objects: PastObject[] = [];
    for (const { key, version } of page) {
      if (last !== undefined && compareKeys(last, key) > 0) throw outOfOrder(session, key);
      isDecided &&= key === last;
      last = key;
      // Of each key the newest comes first.
      if (isDecided || !isChosen(key, version)) continue;
      isDecided = true;
      if (!version.IsDeleteMarker) objects.push(pastObject(key, version));
    }
    if (objects.length > 0) yield objects;
    if ('versions' in choice) for (const { key } of objects) found.add(key);
  }
  if ('versions' in choice) requireAll(session, { wanted: choice.versions, found });
}

type Chooser = (key: string, version: VersionAnswer) => boolean;

function datedUntil(atMs: number): Chooser {
  return (_key, { LastModified }) => LastModified.getTime() <= atMs;
}

function named(versions: ReadonlyMap<string, VersionName>): Chooser {
  return (key, { VersionId, ETag, IsDeleteMarker }) => {
    const name = versions.get(key);
    if (name?.versionId !== VersionId || IsDeleteMarker) return false;
    return name.etag === undefined || name.etag === unquoted(ETag);
  };
}

/** How many missing versions are named. */
const NAMED = 5;

function requireAll(
  { bucket }: S3Session,
  { wanted, found }: { readonly wanted: ReadonlyMap<string, VersionName>; readonly found: ReadonlySet<string> },
): void {
  if (found.size === wanted.size) return;
  const missing = [...wanted].filter(([key]) => !found.has(key));
  const first = missing.slice(0, NAMED).map(([key, { versionId }]) => `${key} (version ${versionId})`);
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
  throw new StoreError(`Cannot use s3://${bucket} as it was: it lacks ${first.join(', ')}${more}`, {
    reaction: 'fatal',
    code: 'MissingVersions',
    hint: 'they were removed since, by a lifecycle rule perhaps; --exclude leaves paths out, another checkpoint may be whole',
  });
}

/** See ObjectStore.versions. */
export async function* versionsOf(
  session: S3Session,
  { key, pageKeys }: { readonly key: string; readonly pageKeys: number },
  options: CallOptions,
): AsyncGenerator<ObjectVersion> {
  for await (const page of listVersions(session, { prefix: key, pageKeys }, options)) {
    for (const { key: listed, version } of page) {
      // Of the keys that begin with it, it is the first.
      if (listed !== key) return;
      const { versionId, lastModifiedMs, sizeBytes } = pastObject(key, version);
      yield { versionId, lastModifiedMs, sizeBytes, isDeleteMarker: version.IsDeleteMarker };
    }
  }
}

function pastObject(key: string, { Size = 0, ETag, LastModified, VersionId }: VersionAnswer): PastObject {
  const lastModifiedMs = LastModified.getTime();
  return { key, sizeBytes: Size, etag: unquoted(ETag), lastModifiedMs, versionId: VersionId };
}

async function* listVersions(
  session: S3Session,
  { prefix, pageKeys }: { readonly prefix: string; readonly pageKeys: number },
  options: CallOptions,
): AsyncGenerator<readonly { readonly key: string; readonly version: VersionAnswer }[]> {
  let marker: { readonly keyMarker?: string | undefined; readonly versionIdMarker?: string | undefined } = {};
  const request = { ...signalOf(options), action: 'list the versions of', key: prefix } as const;
  for (let isTruncated = true; isTruncated; ) {
    const asked = { prefix, maxKeys: pageKeys, ...marker };
    const page = await sendRetried(session, request, async (o) => {
      const answer = await session.requests.listVersions(asked, o);
      const { NextKeyMarker: next, NextVersionIdMarker: version = '' } = answer;
      const key = next === undefined ? undefined : decodedKey(next, answer.EncodingType === 'url');
      const isAsBefore = key === asked.keyMarker && version === (asked.versionIdMarker ?? '');
      const isEndless = answer.IsTruncated && (next === undefined || isAsBefore);
      if (answer.IsTruncated === undefined || isEndless) throw senseless(session, request);
      return answer;
    });
    const isEncoded = page.EncodingType === 'url';
    yield page.Versions.map((version) => ({ key: decodedKey(version.Key, isEncoded), version }));
    isTruncated = page.IsTruncated!;
    const { NextKeyMarker: next = '', NextVersionIdMarker: version = '' } = page;
    // Some servers answer an empty one, which others refuse to be sent.
    marker = { keyMarker: decodedKey(next, isEncoded), versionIdMarker: version === '' ? undefined : version };
  }
}
