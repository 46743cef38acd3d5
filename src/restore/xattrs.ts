// Files and directories get the extended attributes that S3 holds of them, and no others.
import type { RelKey } from '../model/key.ts';
import { NO_XATTRS, storedXattrs, type Xattrs, xattrNames } from '../model/xattrs.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { codeOf } from '../tree/error-code.ts';
import { readXattrs } from '../tree/xattrs.ts';
import type { FileCalls, Finding } from './options.ts';
import { finding } from './work.ts';
import type { XattrObjects } from './xattr-objects.ts';

export interface RestoredXattrsOptions {
  readonly objects: XattrObjects;
  readonly calls: Pick<FileCalls, 'setXattrs'>;
  /** Told which attributes a path came without. */
  readonly onMissing: (finding: Finding) => void;
}

export class RestoredXattrs {
  readonly #o: RestoredXattrsOptions;

  constructor(options: RestoredXattrsOptions) {
    this.#o = options;
  }

  /** What a file is to have. @throws StoreError */
  async wanted(key: RelKey, { attributes }: ObjectHead): Promise<Xattrs> {
    const stored = storedXattrs(attributes.metadata);
    const xattrs = await this.#o.objects.get(stored);
    if (xattrs === undefined) this.#o.onMissing(finding(key, `S3 does not hold .awssyncer/xattrs/${stored.digest}`));
    return xattrs ?? NO_XATTRS;
  }

  /**
   * After the owner, whose change takes capabilities away, and before the mode, of which an ACL has its share. What the
   * file system or the kernel refuses is told, and no reason to do without the file.
   */
  apply(fd: number, { key, wanted }: { key: RelKey; wanted: Xattrs }): void {
    const result = this.#o.calls.setXattrs(fd, wanted.bytes);
    if (result === 0) return;
    const present = new Set(xattrNames(readXattrs(fd).bytes));
    const missing = xattrNames(wanted.bytes).filter((name) => !present.has(name));
    const names = missing.length === 0 ? 'its extended attributes' : missing.join(', ');
    this.#o.onMissing(finding(key, `${names} cannot be set (${codeOf({ errno: result })})`));
  }

  /** Takes from a new directory what the one above gave it. */
  strip(fd: number): void {
    this.#o.calls.setXattrs(fd, NO_XATTRS.bytes);
  }
}
