// Clones of files, where their file system can make them: XFS and Btrfs, say, and not ext4.
import { constants } from 'node:os';
import type { Stat } from '../model/entry.ts';
import type { Addon } from '../native/addon.ts';
import { StatRecords } from '../native/stat-record.ts';

const { EOPNOTSUPP } = constants.errno;

export interface CloneRequest {
  /** Of the file, open for reading; it must stay open meanwhile. */
  readonly fd: number;
  /** The device the file is on. */
  readonly dev: bigint;
  /** A directory of the same file system. The clone gets no name there. */
  readonly directory: Buffer;
}

/** The file as it is at one instant. */
export interface Clone {
  /** Of its content, to be closed by whoever asked for it. */
  readonly fd: number;
  /** What the file itself was right afterwards. */
  readonly after: Stat;
}

export class Clones {
  readonly #cloneFile: Addon['cloneFile'];
  /** Devices that cannot: they are not asked again, as others who watch the directory would hear of it. */
  readonly #unable = new Set<bigint>();

  /** @param cloneFile the addon's */
  constructor(cloneFile: Addon['cloneFile']) {
    this.#cloneFile = cloneFile;
  }

  /** Undefined where there can be none, or not now. */
  async make({ fd, dev, directory }: CloneRequest): Promise<Clone | undefined> {
    if (this.#unable.has(dev)) return undefined;
    const records = new StatRecords(await this.#cloneFile(fd, directory), 1);
    const after = records.stat(0);
    if (typeof after !== 'number') return { fd: records.more(0), after };
    if (after === -EOPNOTSUPP) this.#unable.add(dev);
    return undefined;
  }
}
