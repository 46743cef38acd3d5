// Files that are stored as a command makes them: when one is made anew, and that few are at a time.
import type { SnapshotRules } from '../filter/path-filter.ts';
import { logsOf } from '../model/companions.ts';
import { type Stat, youngMs } from '../model/entry.ts';
import type { RelPath } from '../model/path.ts';
import type { MadeFile, SeenState, Snapshots } from '../transfer/snapshots.ts';
import type { LocalTree } from '../tree/local-tree.ts';
import { runSnapshotCommand, type SnapshotCommandOptions } from './snapshot-command.ts';

export interface SnapshotHooksOptions extends Omit<SnapshotCommandOptions, 'command' | 'source' | 'signal'> {
  readonly rules: SnapshotRules;
  readonly tree: Pick<LocalTree, 'absoluteName' | 'lstat'>;
  /** Wall clock in ms, as the kernel stamps files. */
  readonly wallNow: () => number;
}

/** A command reads a whole database. */
const AT_ONCE = 2;

/**
 * What was stored is remembered for the life of the process, and by state: a command that opens a database may touch it
 * and its logs, and as long as that leaves their stats as they were, nothing is to be done. After a start each is made
 * once, as nobody knows what became of the logs meanwhile.
 */
export class SnapshotHooks implements Snapshots {
  readonly #o: SnapshotHooksOptions;
  readonly #stored = new Map<RelPath, string>();
  readonly #alone = new Set<RelPath>();
  #running = 0;
  #listener: () => void = () => {};

  constructor(options: SnapshotHooksOptions) {
    this.#o = options;
  }

  isMade(path: RelPath): boolean {
    return this.#o.rules.commandFor(path) !== undefined;
  }

  look(path: RelPath, stat: Stat): SeenState {
    const logs = logsOf(path).map((log) => this.#o.tree.lstat(log));
    // Run by root, SQLite gives its logs the owner they have whenever it opens them: that only their ctime shows it.
    const written = logs.flatMap((log) => (log === undefined ? [] : { ctimeNs: log.mtimeNs }));
    const ages = [stat, ...written].map((one) => youngMs(one, this.#o.wallNow()));
    return {
      signature: [`${fingerprint(stat)}/${stat.ctimeNs}`, ...logs.map(fingerprint)].join(' '),
      youngMs: ages.includes(-1) ? -1 : Math.max(...ages),
    };
  }

  isStored(path: RelPath, stat: Stat): boolean {
    const signature = this.#stored.get(path);
    try {
      return signature !== undefined && signature === this.look(path, stat).signature;
    } catch {
      return false; // nobody can say; whoever tries to have it made reports it
    }
  }

  stored(path: RelPath, { signature }: SeenState): void {
    this.#stored.set(path, signature);
  }

  isAlone(path: RelPath): boolean {
    return this.#alone.has(path);
  }

  alone(path: RelPath): void {
    this.#alone.add(path);
  }

  get running(): number {
    return this.#running;
  }

  onRunning(listener: () => void): void {
    this.#listener = listener;
  }

  async make(path: RelPath, signal: AbortSignal): Promise<MadeFile | undefined> {
    if (this.#running >= AT_ONCE) return undefined;
    this.#running++;
    this.#listener();
    try {
      const source = this.#o.tree.absoluteName(path);
      return await runSnapshotCommand({ ...this.#o, command: this.#o.rules.commandFor(path)!, source, signal });
    } finally {
      this.#running--;
      this.#listener();
    }
  }
}

function fingerprint(stat: Stat | undefined): string {
  if (stat === undefined) return '-';
  const { kind, sizeBytes, mtimeNs, ino, dev } = stat;
  return [kind, sizeBytes, mtimeNs, ino, dev].join('/');
}
