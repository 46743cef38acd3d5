// Pure. Which watch descriptor belongs to which directory.
//
// A watch follows the inode, not the path, so the tree holds names and parent links instead of paths: moving a subtree
// is one re-link and every path beneath it is right again. Between the two halves of a rename a subtree waits in limbo,
// where it has no path; it is the descriptor of its top that tells where it turns up.
import { joinPath, namesOf, type RelPath, ROOT } from '../model/path.ts';

/** A directory the tree knows. Read only for everyone but WatchTree. */
export interface WatchNode {
  readonly name: string;
  /** Undefined for the root and for the top of a subtree in limbo. */
  readonly parent: WatchNode | undefined;
  /** Undefined for a directory that could not be watched. */
  readonly wd: number | undefined;
  /** The inode that was at this path when it was linked. */
  readonly ino: bigint;
  readonly children: ReadonlyMap<string, WatchNode>;
}

/** Which directory stands at a path: its watch, or none if it could not be watched, and its inode. */
export interface Linked {
  readonly wd: number | undefined;
  readonly ino: bigint;
}

interface MutableNode extends WatchNode {
  name: string;
  parent: MutableNode | undefined;
  wd: number | undefined;
  ino: bigint;
  children: Map<string, MutableNode>;
  /** The rename this top of a limbo subtree waits for. */
  cookie: number | undefined;
}

/** Most directories have no directories in them; they share this one. Never written to. */
const NO_CHILDREN: Map<string, MutableNode> = new Map();

/**
 * Methods that give up watches return their descriptors: the caller must remove each of them from the kernel. Until the
 * kernel says IN_IGNORED such a descriptor is dying: events that are still queued for it belong to nobody.
 */
export class WatchTree {
  readonly #root: MutableNode = newNode('', undefined);
  readonly #byWd = new Map<number, MutableNode>();
  readonly #bare = new Set<MutableNode>([this.#root]);
  readonly #limbo = new Map<number, MutableNode>();
  /** Removals per descriptor that IN_IGNORED has not confirmed yet; more than one only if the number was reused. */
  readonly #dying = new Map<number, number>();

  get root(): WatchNode {
    return this.#root;
  }

  /** How many watches are held. */
  get watches(): number {
    return this.#byWd.size;
  }

  /** How many known directories have no watch. */
  get bare(): number {
    return this.#bare.size;
  }

  /** The node at `path`. */
  at(path: RelPath): WatchNode | undefined {
    let node: MutableNode | undefined = this.#root;
    for (const name of namesOf(path)) node = node?.children.get(name);
    return node;
  }

  /** The node that holds this descriptor, whether or not older events of the same number are still queued. */
  holder(wd: number): WatchNode | undefined {
    return this.#byWd.get(wd);
  }

  /** The node that an event with this descriptor is about; undefined if that watch was given up. */
  nodeOfEvent(wd: number): WatchNode | undefined {
    return this.#dying.has(wd) ? undefined : this.#byWd.get(wd);
  }

  /** Where the node is; undefined in limbo and after it was dropped. */
  pathOf(node: WatchNode): RelPath | undefined {
    const names: string[] = [];
    let at = node;
    for (; at.parent !== undefined; at = at.parent) names.push(at.name);
    if (at !== this.#root) return undefined;
    return names.reduceRight<RelPath>((path, name) => joinPath(path, name), ROOT);
  }

  /** The topmost known directories without a watch. */
  unwatched(): RelPath[] {
    return [...this.#bare]
      .filter((node) => node.parent === undefined || node.parent.wd !== undefined)
      .map((node) => this.pathOf(node))
      .filter((path) => path !== undefined);
  }

  /**
   * States that this directory is the entry `name` of `parent` (the root: of nothing). A descriptor held elsewhere brings
   * its whole subtree here: the directory was renamed. What stood here before is dropped, unless it is the same directory
   * or was never watched.
   *
   * @returns the descriptors given up; 'cycle' and nothing done if the descriptor is held by `parent` or above it, so
   * that what the tree believes about `parent` must be out of date
   */
  link(parent: WatchNode | undefined, name: string, { wd, ino }: Linked): number[] | 'cycle' {
    const held = wd === undefined ? undefined : this.#byWd.get(wd);
    const before = parent === undefined ? this.#root : (parent.children.get(name) as MutableNode | undefined);
    if (held !== undefined && held !== before) {
      if (parent === undefined || isAtOrAbove(held, parent)) return 'cycle';
      const given = this.#move(held, parent as MutableNode, name);
      held.ino = ino;
      return given;
    }
    const keeps = before !== undefined && (before.wd === undefined || before.wd === wd);
    const given = before === undefined || keeps ? [] : this.#clear(before);
    const node = before ?? this.#add(parent as MutableNode, name);
    node.ino = ino;
    this.#setWd(node, wd);
    return given;
  }

  /** Takes a subtree out of the tree until it is linked elsewhere or dropped; `cookie` is the rename's. */
  toLimbo(node: WatchNode, cookie: number): number[] {
    const given = this.dropLimbo(cookie);
    const top = node as MutableNode;
    this.#unlink(top);
    top.cookie = cookie;
    this.#limbo.set(cookie, top);
    return given;
  }

  /** Gives up the subtree that waits for this rename, or all that wait for any. */
  dropLimbo(cookie?: number): number[] {
    const tops = cookie === undefined ? [...this.#limbo.values()] : [this.#limbo.get(cookie)];
    return tops.flatMap((top) => (top === undefined ? [] : this.drop(top)));
  }

  /** Gives up a node and everything beneath it. The root itself stays, without a watch. */
  drop(node: WatchNode): number[] {
    const given = this.#clear(node as MutableNode);
    if (node !== this.#root) {
      this.#unlink(node as MutableNode);
      this.#bare.delete(node as MutableNode);
    }
    return given;
  }

  /** States that this descriptor, which no node holds, was given up too. */
  release(wd: number): void {
    this.#dying.set(wd, (this.#dying.get(wd) ?? 0) + 1);
  }

  /**
   * Takes IN_IGNORED: the descriptor is gone.
   * @returns the node that lost its watch by it, now without one; undefined if the watch had been given up before
   */
  ignored(wd: number): WatchNode | undefined {
    const removals = this.#dying.get(wd) ?? 0;
    if (removals > 1) this.#dying.set(wd, removals - 1);
    else this.#dying.delete(wd);
    if (removals > 0) return undefined;
    const node = this.#byWd.get(wd);
    if (node !== undefined) this.#setWd(node, undefined);
    return node;
  }

  /**
   * Takes IN_Q_OVERFLOW: events were lost, and with them perhaps an IN_IGNORED. Forgetting what is dying risks no more
   * than a stray hint, waiting for it could mute a reused descriptor for ever.
   */
  eventsLost(): number[] {
    this.#dying.clear();
    return this.dropLimbo();
  }

  #move(node: MutableNode, parent: MutableNode, name: string): number[] {
    this.#unlink(node);
    const displaced = parent.children.get(name);
    const given = displaced === undefined ? [] : this.drop(displaced);
    this.#hang(node, parent, name);
    return given;
  }

  #add(parent: MutableNode, name: string): MutableNode {
    const node = newNode(name, parent);
    this.#bare.add(node);
    this.#hang(node, parent, name);
    return node;
  }

  #hang(node: MutableNode, parent: MutableNode, name: string): void {
    node.name = name;
    node.parent = parent;
    if (parent.children === NO_CHILDREN) parent.children = new Map();
    parent.children.set(name, node);
  }

  #unlink(node: MutableNode): void {
    node.parent?.children.delete(node.name);
    node.parent = undefined;
    if (node.cookie !== undefined) this.#limbo.delete(node.cookie);
    node.cookie = undefined;
  }

  #setWd(node: MutableNode, wd: number | undefined): void {
    if (node.wd !== undefined) this.#byWd.delete(node.wd);
    node.wd = wd;
    if (wd === undefined) this.#bare.add(node);
    else {
      this.#byWd.set(wd, node);
      this.#bare.delete(node);
    }
  }

  /** Takes the watch from a node and removes everything beneath it. */
  #clear(node: MutableNode): number[] {
    const given: number[] = [];
    const queue = [node];
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      for (const child of at.children.values()) queue.push(child);
      if (at.wd !== undefined) given.push(at.wd);
      this.#setWd(at, undefined);
      at.children = NO_CHILDREN;
      if (at === node) continue;
      at.parent = undefined;
      this.#bare.delete(at);
    }
    for (const wd of given) this.release(wd);
    return given;
  }
}

function newNode(name: string, parent: MutableNode | undefined): MutableNode {
  return { name, parent, wd: undefined, ino: 0n, children: NO_CHILDREN, cookie: undefined };
}

function isAtOrAbove(above: WatchNode, node: WatchNode): boolean {
  for (let at: WatchNode | undefined = node; at !== undefined; at = at.parent) {
    if (at === above) return true;
  }
  return false;
}
