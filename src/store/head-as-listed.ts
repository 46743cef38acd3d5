// What a listing would say of one object.
import type { CallOptions, ListedObject, ObjectStore } from './object-store.ts';

/** undefined if there is no such object. @throws StoreError */
export async function headAsListed(
  store: Pick<ObjectStore, 'head'>,
  key: string,
  call: CallOptions,
): Promise<ListedObject | undefined> {
  const head = await store.head(key, call);
  if (head === undefined) return undefined;
  const { sizeBytes, etag, lastModifiedMs } = head;
  return { key, sizeBytes, etag, lastModifiedMs };
}
