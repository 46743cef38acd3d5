// A watcher of the simplest kind: it knows of a tree only what hints make it look at. If it ends up equal to the disk, no hint was missing.
import { lstatSync, readdirSync } from 'node:fs';
import { isWithin, joinPath, type RelPath, ROOT } from '../../src/model/path.ts';
import type { Change, RootBreak, Watch } from '../../src/watch/changes.ts';
import { createWatch, type WatchOptions } from '../../src/watch/watcher.ts';
import { includeAll } from './filters.ts';

/** Beneath a file or a link to itself a path is absent too. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'ELOOP'];

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (ABSENT.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** What tells two states of a path apart. A link's change time is left out: link(2) on another name brings no event. */
function signature(absolute: Buffer): string | undefined {
  const stat = ifThere(() => lstatSync(absolute, { bigint: true }));
  if (stat === undefined) return undefined;
  const type = stat.mode & 0o170000n;
  return stat.isDirectory()
    ? `directory ${stat.mode}`
    : `${type} ${stat.mode} ${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}

/** A watch on `root` and what its hints have told so far. */
export class Mirror {
  readonly watch: Watch;
  readonly changes: Change[] = [];
  readonly breaks: RootBreak[] = [];
  readonly warnings: string[] = [];
  readonly known = new Map<RelPath, string>();
  readonly #root: Buffer;
  #unseen: Change[] = [];

  constructor(root: string, options: Partial<WatchOptions> = {}) {
    this.#root = Buffer.from(root);
    this.watch = createWatch({
      root,
      filter: includeAll,
      sink: (change) => {
        this.changes.push(change);
        this.#unseen.push(change);
      },
      onRootBreak: (reason) => this.breaks.push(reason),
      warn: (message) => this.warnings.push(message),
      ...options,
    });
    this.scan(ROOT);
  }

  /** Looks where the hints so far point to. */
  look(): void {
    for (let changes = this.#unseen; changes.length > 0; changes = this.#unseen) {
      this.#unseen = [];
      for (const { path, scope } of changes) {
        if (scope === 'subtree') this.scan(path);
        else this.#lookAt(path);
      }
    }
  }

  /** After this everything that happened before the call has been hinted and looked at. */
  async settle(): Promise<void> {
    await this.watch.barrier();
    this.look();
    for (const path of this.watch.unwatched()) this.scan(path);
    this.look();
  }

  /** As the agent scans: arm, then read, then retain. Visits every directory of the subtree and forgets what is absent. */
  scan(path: RelPath): void {
    const before = [...this.known.keys()].filter((known) => isWithin(known, path));
    const found = new Set<RelPath>();
    this.#walk(path, found);
    for (const known of before) if (!found.has(known)) this.known.delete(known);
  }

  /** What is on the disk now. */
  actual(): Map<RelPath, string> {
    const all = new Map<RelPath, string>();
    const queue: RelPath[] = [ROOT];
    for (let dir = queue.pop(); dir !== undefined; dir = queue.pop()) {
      for (const entry of this.names(dir)) {
        const path = joinPath(dir, entry.name);
        all.set(path, signature(this.absolute(path))!);
        if (entry.isDirectory) queue.push(path);
      }
    }
    return all;
  }

  /** Every directory on the disk, the root included. */
  directories(): RelPath[] {
    return [ROOT, ...[...this.actual()].filter(([, what]) => what.startsWith('directory')).map(([path]) => path)];
  }

  absolute(path: RelPath): Buffer {
    return path === ROOT ? this.#root : Buffer.concat([this.#root, Buffer.from(`/${path}`, 'latin1')]);
  }

  /** What is in a directory; nothing if it is gone, which brings a hint of its own. */
  names(dir: RelPath): { name: string; isDirectory: boolean }[] {
    const entries = ifThere(() => readdirSync(this.absolute(dir), { withFileTypes: true, encoding: 'buffer' })) ?? [];
    return entries.map((entry) => ({ name: entry.name.toString('latin1'), isDirectory: entry.isDirectory() }));
  }

  #walk(path: RelPath, found: Set<RelPath>): void {
    const what = this.#lookAt(path);
    if (what === undefined) return;
    found.add(path);
    if (!what.startsWith('directory') || this.watch.arm(path) === 'vanished') return;
    const entries = this.names(path);
    this.watch.retain(path, new Set(entries.filter((entry) => entry.isDirectory).map((entry) => entry.name)));
    for (const { name } of entries) this.#walk(joinPath(path, name), found);
  }

  #lookAt(path: RelPath): string | undefined {
    const what = signature(this.absolute(path));
    if (path !== ROOT && what !== undefined) this.known.set(path, what);
    if (what?.startsWith('directory') !== true) {
      const beneath = [...this.known.keys()].filter((known) => known !== path && isWithin(known, path));
      for (const gone of what === undefined ? [path, ...beneath] : beneath) this.known.delete(gone);
    }
    return what;
  }
}
