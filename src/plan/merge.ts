// Pure. Two listings in byte order, side by side.
import type { RelKey } from '../model/key.ts';

/** What either side holds under one key; at least one of them is there. */
export interface Pair<L, R> {
  readonly key: RelKey;
  readonly left: L | undefined;
  readonly right: R | undefined;
}

/** Walks both sides once, in constant memory. Both must be strictly ascending by key. */
export function* mergeByKey<L extends { readonly key: RelKey }, R extends { readonly key: RelKey }>(
  left: Iterator<L>,
  right: Iterator<R>,
): Generator<Pair<L, R>> {
  let l = left.next();
  let r = right.next();
  while (!l.done || !r.done) {
    if (r.done || (!l.done && l.value.key < r.value.key)) {
      yield { key: (l.value as L).key, left: l.value as L, right: undefined };
      l = left.next();
    } else if (l.done || r.value.key < l.value.key) {
      yield { key: r.value.key, left: undefined, right: r.value };
      r = right.next();
    } else {
      yield { key: l.value.key, left: l.value, right: r.value };
      l = left.next();
      r = right.next();
    }
  }
}
