// Listing: pages decoded, in UTF-8 byte order, or an error; never a shorter listing than the bucket's.
import { StoreError } from './errors.ts';
import { compareKeys } from './key-order.ts';
import type { CallOptions, ListedObject } from './object-store.ts';
import type { ListedAnswer } from './s3-requests.ts';
import { type S3Session, sendRetried, senseless, unquoted } from './s3-session.ts';

/** One listing. */
export interface Listing {
  readonly prefix: string;
  /** Objects per page. */
  readonly pageKeys: number;
}

interface Page {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined;
}

/** See ObjectStore.list. Each page is retried by the session's policy. */
export async function* listObjects(
  session: S3Session,
  listing: Listing,
  options: CallOptions,
): AsyncGenerator<readonly ListedObject[]> {
  let last: string | undefined;
  let token: string | undefined;
  do {
    const { objects, next } = await listPage(session, { ...listing, token }, options);
    for (const { key } of objects) {
      if (last !== undefined && compareKeys(last, key) >= 0) throw outOfOrder(session, key);
      last = key;
    }
    if (objects.length > 0) yield objects;
    token = next;
  } while (token !== undefined);
}

function listPage(
  session: S3Session,
  page: Listing & { readonly token: string | undefined },
  options: CallOptions,
): Promise<Page> {
  const { prefix, pageKeys, token } = page;
  const asked = { prefix, maxKeys: pageKeys, continuationToken: token };
  const request = { ...options, action: 'list', key: prefix } as const;
  return sendRetried(session, request, async (o) => {
    const { Contents = [], EncodingType, ...answer } = await session.requests.listObjects(asked, o);
    const next = answer.IsTruncated ? answer.NextContinuationToken : undefined;
    // The SDK reads an empty or foreign document as an empty listing, which would look like an empty bucket.
    if (answer.IsTruncated === undefined || (answer.IsTruncated && !next)) throw senseless(session, request);
    return { objects: Contents.map((object) => listed(object, EncodingType === 'url')), next };
  });
}

function listed({ Key, Size, ETag, LastModified }: ListedAnswer, encoded: boolean): ListedObject {
  if (Key === undefined || !Number.isSafeInteger(Size)) throw new TypeError('a listed object has no key or size');
  return {
    key: decodedKey(Key, encoded),
    sizeBytes: Size!,
    etag: unquoted(ETag),
    lastModifiedMs: LastModified?.getTime() ?? 0,
  };
}

/** A key as it was listed. */
export function decodedKey(key: string, isEncoded: boolean): string {
  return isEncoded ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
}

export function outOfOrder(session: S3Session, key: string): StoreError {
  return new StoreError(
    `Cannot list s3://${session.bucket}: keys must come in UTF-8 byte order, current value is ${key}`,
    {
      reaction: 'fatal',
      code: 'UnorderedListing',
      hint: 'directory buckets (S3 Express) list in no order; use a general purpose bucket',
    },
  );
}
