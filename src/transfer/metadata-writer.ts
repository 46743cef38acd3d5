// What an object says of its file. Extended attributes that do not fit in are stored in an object of their own first.
import type { Stat } from '../model/entry.ts';
import { type Extras, linkMetadata } from '../model/extras.ts';
import { encodeMetadata } from '../model/metadata.ts';
import { inlineXattrs, XATTR_OBJECTS, type Xattrs, xattrsElsewhere } from '../model/xattrs.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** All user metadata of one object, names and values. https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
const MAX_METADATA_BYTES = 2048;
/** For what else may be said: the mark of a snapshot, the generation of a lease. */
const RESERVED_BYTES = 128;
/** How many digests are remembered; to store their objects again would cost a request for each. */
const MAX_REMEMBERED = 4096;

export interface MetadataWriterOptions {
  readonly store: Pick<ObjectStore, 'put'>;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  /** What every object says besides (`--metadata`). */
  readonly others: Readonly<Record<string, string>>;
}

export class MetadataWriter {
  readonly #o: MetadataWriterOptions;
  readonly #roomBytes: number;
  /** Digests of attributes that have an object of their own. */
  readonly #stored = new Set<string>();

  constructor(options: MetadataWriterOptions) {
    this.#o = options;
    this.#roomBytes = MAX_METADATA_BYTES - RESERVED_BYTES - bytesOf(options.others);
  }

  /**
   * The metadata of an object. What it refers to is in S3 when this resolves: equal attributes share one object, which
   * is never another one.
   * @throws StoreError
   */
  async of(stat: Stat, { xattrs, linkGroup }: Extras, signal: AbortSignal): Promise<Record<string, string>> {
    const metadata = { ...encodeMetadata(stat), ...linkMetadata(linkGroup) };
    if (xattrs === null || xattrs.digest === '') return metadata;
    const whole = { ...metadata, ...inlineXattrs(xattrs) };
    if (bytesOf(whole) <= this.#roomBytes) return whole;
    await this.#store(xattrs, signal);
    return { ...metadata, ...xattrsElsewhere(xattrs) };
  }

  async #store({ bytes, digest }: Xattrs, signal: AbortSignal): Promise<void> {
    if (this.#stored.has(digest)) return;
    const { store, prefix } = this.#o;
    await store.put(prefix + XATTR_OBJECTS + digest, bytes, { metadata: {} }, { signal, sha256: digest });
    if (this.#stored.size >= MAX_REMEMBERED) this.#stored.clear();
    this.#stored.add(digest);
  }
}

function bytesOf(metadata: Readonly<Record<string, string>>): number {
  return Object.entries(metadata).reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value), 0);
}
