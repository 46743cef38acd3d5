// Small files that the listing shows to be in S3 already, byte for byte: a scan adopts them itself, many at once. Where
// there is any doubt the path is looked at like all others.
import type { Journal } from '../ledger/journal.ts';
import type { LedgerOutline, LedgerRow } from '../ledger/ledger.ts';
import { rowFor } from '../ledger/row.ts';
import { type Stat, youngMs } from '../model/entry.ts';
import { fileKey } from '../model/key.ts';
import type { RelPath } from '../model/path.ts';
import type { Addon } from '../native/addon.ts';
import { type Digests, HashedRecords } from '../native/hashed-records.ts';
import { mayBeNewer } from '../transfer/adopt.ts';
import type { LocalTree } from '../tree/local-tree.ts';
import type { WalkEntry } from '../tree/walk.ts';

/** Larger ones keep the memory of a batch and the threads of others too long. */
const MAX_BYTES = 64 * 1024;

export interface AdopterOptions {
  readonly tree: LocalTree;
  readonly journal: Journal;
  readonly hashFiles: Addon['hashFiles'];
  /** Wall clock in ms, as the kernel stamps files. */
  readonly wallNow: () => number;
}

/** A file that is to be compared, as the scan has seen it. */
export type Candidate = Pick<WalkEntry, 'path' | 'stat'>;

export class Adopter {
  readonly #o: AdopterOptions;

  constructor(options: AdopterOptions) {
    this.#o = options;
  }

  /**
   * Whether the content alone decides: no name shares the file, its extended attributes are not to be looked at, and
   * nothing about it can have changed since somebody stored the object, so that nobody has to be asked what that says of
   * mode and owner.
   */
  isCandidate({ stat }: Candidate, row: LedgerOutline | undefined): boolean {
    return (
      !this.#o.tree.keeps.xattrs &&
      row?.state === 'foreign' &&
      stat.kind === 'file' &&
      stat.nlink === 1 &&
      stat.sizeBytes === row.sizeBytes &&
      stat.sizeBytes <= MAX_BYTES &&
      !mayBeNewer(stat, row)
    );
  }

  /** The rows of adopted objects, in the order of the candidates; undefined for each that is not proven to be one. */
  async adopt(candidates: readonly Candidate[]): Promise<(LedgerRow | undefined)[]> {
    const { tree, hashFiles, wallNow } = this.#o;
    const beganMs = wallNow();
    const paths = candidates.map(({ path }) => `${tree.absoluteName(path)}\0`).join('');
    const lengths = Uint32Array.from(candidates, ({ stat }) => stat.sizeBytes);
    const records = new HashedRecords(await hashFiles(paths, lengths, tree.root.length), candidates.length);
    return candidates.map(({ path }, index) => {
      const stat = records.stat(index);
      if (typeof stat === 'number' || youngMs(stat, beganMs) !== 0) return undefined;
      return this.#adopted(path, stat, records.digests(index));
    });
  }

  /** The row may have become another while the file was read. */
  #adopted(path: RelPath, stat: Stat, { sha256, md5 }: Digests): LedgerRow | undefined {
    const row = this.#o.journal.ledger.get(fileKey(path));
    if (row?.state !== 'foreign' || row.etag !== md5 || mayBeNewer(stat, row)) return undefined;
    const { key, etag, versionId, uploadId } = row;
    return rowFor(key, stat, { state: 'known', checksum: sha256, etag, versionId, uploadId });
  }
}
