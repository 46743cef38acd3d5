// Extended attributes that did not fit into the metadata of their files' objects.
import { type StoredXattrs, XATTR_OBJECTS, type Xattrs, xattrsOf } from '../model/xattrs.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { RestoreOptions } from './options.ts';

/** Of one object that holds attributes; none is near that. */
const MAX_BYTES = 1024 ** 3;
/** Attributes that have an object of their own and are remembered, as many files may share them. */
const MAX_REMEMBERED = 64;

export interface StoredAt {
  readonly store: Pick<ObjectStore, 'getBytes'>;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  readonly retry: RestoreOptions['retry'];
  readonly signal: AbortSignal;
}

/** Extended attributes that have an object of their own. */
export class XattrObjects {
  readonly #at: StoredAt;
  readonly #known = new Map<string, Promise<Xattrs | undefined>>();

  constructor(at: StoredAt) {
    this.#at = at;
  }

  /** All that an object says; undefined if S3 holds them no more, or not as they were. @throws StoreError */
  get({ digest, bytes }: StoredXattrs): Promise<Xattrs | undefined> {
    if (bytes !== undefined) return Promise.resolve({ digest, bytes });
    let found = this.#known.get(digest);
    if (found === undefined) {
      if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
      found = this.#fetch(digest);
      this.#known.set(digest, found);
      found.catch(() => this.#known.delete(digest)); // told to whoever asked; the next one asks anew
    }
    return found;
  }

  async #fetch(digest: string): Promise<Xattrs | undefined> {
    const { store, prefix, retry, signal } = this.#at;
    const wanted = { maxBytes: MAX_BYTES, signal };
    try {
      const { bytes } = await retry(() => store.getBytes(prefix + XATTR_OBJECTS + digest, wanted), { signal });
      const xattrs = xattrsOf(bytes);
      return xattrs.digest === digest ? xattrs : undefined;
    } catch (error) {
      if (error instanceof StoreError && error.reaction === 'not-found') return undefined;
      throw error;
    }
  }
}
