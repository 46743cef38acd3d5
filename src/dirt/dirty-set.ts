// Pure. The set of paths that may differ from S3. Nothing that is marked is ever lost: a mark leaves only by take().
import { joinPath, namesOf, type RelPath, ROOT } from '../model/path.ts';
import type { Change } from '../watch/changes.ts';
import { EpochCounts } from './epoch-counts.ts';
import { DueHeap } from './heap.ts';
import { addDirt, type Dirt, dueAtMs, freshDirt, type SettleTimes } from './settle.ts';

/** A dirty path and what is known about its dirt. */
export interface Mark extends Dirt {
  readonly path: RelPath;
  scope: Change['scope'];
  /** Contents may differ though every stat field is equal. */
  written: boolean;
  /** An event told of exactly this path: its absence is no surprise. */
  witnessed: boolean;
  /** A subtree hint was witnessed: what the ledger has beneath it and the disk has not was removed before our eyes. */
  witnessedBelow: boolean;
  /** Failures in a row, and when the first of them was. */
  attempts: number;
  failingSinceMs: number | undefined;
  /** How often a read was overtaken by a write since the first change. */
  races: number;
  /** A scan found it, and everything beneath as well. */
  scanned: boolean;
  /** Nothing is known to differ: a late request is to be proven not to have come. Any other mark takes its place. */
  proof: boolean;
  /** When the oldest change came, as a number that who flushes can wait for; whatever comes of a mark inherits it. */
  epoch: number;
  /** Marks beneath a subtree mark when it was taken: their knowledge is for its scan. */
  absorbed: ReadonlyMap<RelPath, Mark>;
}

/** What a caller may say about a path besides a Change. */
export interface MarkDetails {
  readonly notBeforeMs?: number;
  readonly proof?: boolean;
  readonly scanned?: boolean;
  /** 0 by default. */
  readonly epoch?: number;
  /** What an earlier mark of this path knew, if there was one. */
  readonly known?: Mark | undefined;
}

interface Node {
  readonly parent: Node | undefined;
  readonly name: string;
  readonly path: RelPath;
  readonly children: Map<string, Node>;
  mark: Mark | undefined;
  /** The earliest live heap entry; Infinity when none (it is busy). */
  queuedMs: number;
}

/** What is remembered of a path that is worked on, and of everything its mark had absorbed. */
type Work = Pick<Mark, 'epoch' | 'firstAtMs'>;

const NOTHING: ReadonlyMap<RelPath, Mark> = new Map();

/**
 * A trie of marks with a heap of due times.
 *
 * - A subtree mark that is taken absorbs every mark beneath it: they travel with it, so that what only they know (a
 *   write, a witnessed removal) reaches the scan. Until then each is due by itself: none must wait for a scan that waits
 *   for another, or for its own pause.
 * - Marks of an epoch that was hastened do not settle, and do not wait for the pauses of later ones.
 * - A path that is busy is not handed out; its marks wait until it is released.
 */
export class DirtySet {
  readonly #times: SettleTimes;
  readonly #root: Node = {
    parent: undefined,
    name: '',
    path: ROOT,
    children: new Map(),
    mark: undefined,
    queuedMs: Infinity,
  };
  readonly #heap = new DueHeap<Node>();
  readonly #busy = new Map<RelPath, Work>();
  /** Of marks and of work. */
  readonly #epochs = new EpochCounts();
  #size = 0;
  #hastened = Number.NEGATIVE_INFINITY;

  constructor(times: SettleTimes) {
    this.#times = times;
  }

  /** How many paths are marked, absorbed ones included. */
  get size(): number {
    return this.#size;
  }

  /** Marks a path; repeated marks merge, keeping everything each of them knew. */
  mark(change: Change, nowMs: number, details: MarkDetails = {}): void {
    const mark: Mark = {
      ...freshDirt(change.speed, nowMs),
      path: change.path,
      scope: change.scope,
      written: change.written ?? false,
      witnessed: change.witnessed,
      witnessedBelow: change.witnessed && change.scope === 'subtree',
      attempts: 0,
      failingSinceMs: undefined,
      races: 0,
      scanned: details.scanned ?? false,
      proof: details.proof ?? false,
      epoch: details.epoch ?? 0,
      absorbed: NOTHING,
    };
    if (details.notBeforeMs !== undefined) mark.notBeforeMs = details.notBeforeMs;
    const { known } = details;
    if (known?.proof === false) {
      this.#merge(mark, { ...known, scope: change.scope, scanned: mark.scanned });
      // To be found by a scan is no new change: what waits for older ones would wait for ever.
      if (mark.scanned) mark.lastAtMs = known.lastAtMs;
    }
    this.#add(mark);
  }

  /** Puts a taken mark back, with everything it absorbed: its work could not be done. */
  restore(mark: Mark, notBeforeMs: number): void {
    for (const absorbed of mark.absorbed.values()) this.#add(absorbed);
    this.#add({ ...mark, absorbed: NOTHING, notBeforeMs });
  }

  /** Whether this very path is marked. */
  has(path: RelPath): boolean {
    return this.#find(path)?.mark !== undefined;
  }

  /** From now on marks of this epoch or an older one are due at once, but for pauses asked for after this. */
  hasten(epoch: number): void {
    this.#hastened = Math.max(this.#hastened, epoch);
    for (const node of walk(this.#root)) {
      if (node.mark === undefined || !this.isUrgent(node.mark)) continue;
      node.mark.notBeforeMs = Number.NEGATIVE_INFINITY;
      this.#schedule(node);
    }
  }

  /** Whether somebody waits for marks of this epoch. */
  isUrgent({ epoch }: Pick<Mark, 'epoch'>): boolean {
    return epoch <= this.#hastened;
  }

  /** How much of this epoch and older ones is marked or held. */
  left(epoch: number): number {
    return this.#epochs.upTo(epoch);
  }

  /** The mark is worked on: others of its path wait until that is released. */
  hold({ path, epoch, firstAtMs, absorbed }: Mark): void {
    const work: { epoch: number; firstAtMs: number } = { epoch, firstAtMs };
    for (const mark of absorbed.values()) {
      work.epoch = Math.min(work.epoch, mark.epoch);
      work.firstAtMs = Math.min(work.firstAtMs, mark.firstAtMs);
    }
    this.#busy.set(path, work);
    this.#epochs.add(work.epoch);
  }

  /** The path is no longer busy. */
  release(path: RelPath): void {
    const work = this.#busy.get(path);
    if (work !== undefined) this.#epochs.remove(work.epoch);
    this.#busy.delete(path);
    const node = this.#find(path);
    if (node?.mark) this.#schedule(node);
  }

  /** Paths that are held. */
  get busy(): ReadonlyMap<RelPath, Work> {
    return this.#busy;
  }

  /** Removes and returns the mark that has been due longest, or undefined if none is due. */
  take(nowMs: number): Mark | undefined {
    for (let top = this.#heap.peek(); top !== undefined && top.dueMs <= nowMs; top = this.#heap.peek()) {
      const node = this.#heap.pop()!.value;
      if (!this.#isLive(node, top.dueMs)) continue;
      node.queuedMs = Infinity;
      // Due later than it was when it was queued: its turn comes after those that are due before it.
      if (this.#due(node.mark!) > top.dueMs) this.#schedule(node);
      else if (!this.#busy.has(node.path)) return this.#detach(node);
    }
    return undefined;
  }

  /** When the next mark may be due; it may turn out to be later, or busy. undefined if there is nothing to wait for. */
  nextDueMs(): number | undefined {
    for (let top = this.#heap.peek(); top !== undefined; top = this.#heap.peek()) {
      if (this.#isLive(top.value, top.dueMs)) return top.dueMs;
      this.#heap.pop();
    }
    return undefined;
  }

  /** Every mark, in no order (absorbed ones too). */
  *marks(): IterableIterator<Mark> {
    for (const node of walk(this.#root)) if (node.mark) yield node.mark;
  }

  #add(mark: Mark): void {
    let node = this.#root;
    for (const name of namesOf(mark.path)) {
      let child = node.children.get(name);
      if (child === undefined) {
        child = {
          parent: node,
          name,
          path: joinPath(node.path, name),
          children: new Map(),
          mark: undefined,
          queuedMs: Infinity,
        };
        node.children.set(name, child);
      }
      node = child;
    }
    if (node.mark === undefined) {
      node.mark = mark;
      this.#size++;
      this.#epochs.add(mark.epoch);
    } else if (node.mark.proof || !mark.proof) {
      this.#epochs.remove(node.mark.epoch);
      if (node.mark.proof && !mark.proof) node.mark = mark;
      else this.#merge(node.mark, mark);
      this.#epochs.add(node.mark.epoch);
    }
    this.#schedule(node);
  }

  #schedule(node: Node): void {
    const dueMs = this.#due(node.mark!);
    if (dueMs >= node.queuedMs) return;
    node.queuedMs = dueMs;
    this.#heap.push(node, dueMs);
  }

  #due(mark: Mark): number {
    return this.isUrgent(mark) ? Math.max(mark.firstAtMs, mark.notBeforeMs) : dueAtMs(mark, this.#times);
  }

  /** A heap entry counts if it is the earliest one of its node, and the node is marked. */
  #isLive(node: Node, dueMs: number): boolean {
    return node.mark !== undefined && node.queuedMs === dueMs;
  }

  #detach(node: Node): Mark {
    const mark = node.mark!;
    node.mark = undefined;
    this.#size--;
    this.#epochs.remove(mark.epoch);
    if (mark.scope === 'subtree') {
      const absorbed = new Map<RelPath, Mark>();
      for (const below of walk(node)) {
        if (below.mark) {
          absorbed.set(below.path, below.mark);
          this.#epochs.remove(below.mark.epoch);
        }
        below.mark = undefined; // its heap entries are stale now
      }
      this.#size -= absorbed.size;
      node.children.clear();
      mark.absorbed = absorbed;
    }
    this.#prune(node);
    return mark;
  }

  #prune(from: Node): void {
    for (let node = from; node.parent && !node.mark && node.children.size === 0; node = node.parent) {
      node.parent.children.delete(node.name);
    }
  }

  #merge(into: Mark, mark: Mark): void {
    const urgent = [into, mark].filter((each) => this.isUrgent(each));
    const [only] = urgent;
    const notBeforeMs = urgent.length === 1 ? only!.notBeforeMs : Math.max(into.notBeforeMs, mark.notBeforeMs);
    merge(into, mark);
    into.notBeforeMs = notBeforeMs;
  }

  #find(path: RelPath): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of namesOf(path)) {
      node = node.children.get(name);
      if (node === undefined) return undefined;
    }
    return node;
  }
}

function merge(into: Mark, mark: Mark): void {
  addDirt(into, mark);
  into.epoch = Math.min(into.epoch, mark.epoch);
  if (mark.scope === 'subtree') into.scope = 'subtree';
  into.scanned &&= mark.scanned;
  into.written ||= mark.written;
  into.witnessed ||= mark.witnessed;
  into.witnessedBelow ||= mark.witnessedBelow;
  into.attempts = Math.max(into.attempts, mark.attempts);
  into.failingSinceMs ??= mark.failingSinceMs;
  into.races = Math.max(into.races, mark.races);
}

function* walk(from: Node): IterableIterator<Node> {
  const stack = [from];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    yield node;
    for (const child of node.children.values()) stack.push(child);
  }
}
