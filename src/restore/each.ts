// Many keys, some at a time; one that fails does not keep the others.
import type { RelKey } from '../model/key.ts';
import { forEachConcurrently } from './concurrent.ts';
import { fatalError, reasonOf } from './failures.ts';
import { finding, type Restoring } from './work.ts';

/** Settles items. They are begun in their order: what `settle` does before its first await happens in that order. */
export type Each = <T>(
  items: Iterable<T>,
  step: { readonly key: (item: T) => RelKey; readonly settle: (item: T) => Promise<void> },
) => Promise<void>;

/** What fails for one path is reported; what would fail for all aborts everything that is in work. */
export function eachOf(work: Restoring, abort: AbortController): Each {
  return async (items, { key, settle }) => {
    await forEachConcurrently(items, {
      concurrency: work.options.concurrency,
      async work(item) {
        try {
          work.signal.throwIfAborted();
          await settle(item);
        } catch (error) {
          const fatal = work.signal.aborted ? work.signal.reason : fatalError(error);
          if (fatal === undefined) {
            work.tally.failures.push(finding(key(item), reasonOf(error)));
            return;
          }
          abort.abort(fatal);
          throw fatal;
        }
      },
    });
  };
}
