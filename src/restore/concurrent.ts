// Many small jobs, a few at a time.
import PQueue from 'p-queue';

/**
 * Runs `work` on every item, `concurrency` at a time, taking an item only when there is room for it: never one closure
 * per item of a long list. The first rejection stops taking and is passed on when what runs has ended.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  { concurrency, work }: { concurrency: number; work: (item: T) => Promise<void> },
): Promise<void> {
  const queue = new PQueue({ concurrency });
  const failures: unknown[] = [];
  for (const item of items) {
    await queue.onSizeLessThan(1);
    if (failures.length > 0) break;
    queue.add(() => work(item)).catch((error: unknown) => failures.push(error));
  }
  await queue.onIdle();
  if (failures.length > 0) throw failures[0];
}
