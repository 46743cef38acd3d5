// Pure. Two listings in byte order, side by side.
import type { RelKey } from '../model/key.ts';

/** What either side holds under one key; at least one of them is there. */
export interface Pair<L, R> {
  readonly key: RelKey;
  readonly left: L | undefined;
  readonly right: R | undefined;
}

interface Keyed {
  readonly key: RelKey;
}

/** Walks both sides once, in constant memory; the left one comes in parts. Both must be strictly ascending by key. */
export class Merge<L extends Keyed, R extends Keyed> {
  readonly #right: Iterator<R>;
  #next: IteratorResult<R> | undefined;

  constructor(right: Iterator<R>) {
    this.#right = right;
  }

  /** What there is up to the last key of this part of the left side. */
  *with(part: Iterable<L>): Generator<Pair<L, R>> {
    for (const left of part) {
      const { key } = left;
      let right = this.#peek();
      for (; !right.done && right.value.key < key; right = this.#advance()) {
        yield { key: right.value.key, left: undefined, right: right.value };
      }
      const isSame = !right.done && right.value.key === key;
      yield { key, left, right: isSame ? right.value : undefined };
      if (isSame) this.#advance();
    }
  }

  /** What is left of the right side when there is no more of the left one. */
  *rest(): Generator<Pair<L, R>> {
    for (let right = this.#peek(); !right.done; right = this.#advance()) {
      yield { key: right.value.key, left: undefined, right: right.value };
    }
  }

  #peek(): IteratorResult<R> {
    this.#next ??= this.#right.next();
    return this.#next;
  }

  #advance(): IteratorResult<R> {
    this.#next = this.#right.next();
    return this.#next;
  }
}

/** The same with the left side as a whole. */
export function* mergeByKey<L extends Keyed, R extends Keyed>(
  left: Iterable<L>,
  right: Iterator<R>,
): Generator<Pair<L, R>> {
  const merge = new Merge<L, R>(right);
  yield* merge.with(left);
  yield* merge.rest();
}
