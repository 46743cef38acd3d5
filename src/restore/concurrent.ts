// Pure. Many small jobs, a few at a time.

/**
 * Runs `work` on every item, `concurrency` at a time, taking an item only when there is room for it: never one closure
 * per item of a long list. The first rejection stops taking and is passed on when what runs has ended.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  { concurrency, work }: { concurrency: number; work: (item: T) => Promise<void> },
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const takeTurns = async (): Promise<void> => {
    while (failures.length === 0) {
      const next = iterator.next();
      if (next.done) return;
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, takeTurns));
  if (failures.length > 0) throw failures[0];
}
