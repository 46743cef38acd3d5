// Pure. A binary heap of things with a due time, earliest first; equal times in order of insertion.

interface Item<T> {
  readonly dueMs: number;
  readonly order: number;
  readonly value: T;
}

/** A priority queue; nothing is ever removed from the middle, so owners must recognise stale entries. */
export class DueHeap<T> {
  readonly #items: Item<T>[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  push(value: T, dueMs: number): void {
    const items = this.#items;
    const item = { dueMs, order: this.#order++, value };
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!before(item, items[up]!)) break;
      items[at] = items[up]!;
      at = up;
    }
    items[at] = item;
  }

  /** The earliest entry without removing it. */
  peek(): { readonly value: T; readonly dueMs: number } | undefined {
    return this.#items[0];
  }

  /** Removes and returns the earliest entry. */
  pop(): { readonly value: T; readonly dueMs: number } | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && before(items[down + 1]!, items[down]!)) down++;
      if (!before(items[down]!, last)) break;
      items[at] = items[down]!;
      at = down;
    }
    items[at] = last;
    return top;
  }
}

function before<T>(a: Item<T>, b: Item<T>): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
