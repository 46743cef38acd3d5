// Some commands are of use only in a bucket that keeps versions.
import type { CallOptions } from '../store/object-store.ts';
import type { Remote } from './remote.ts';

/** Refuses one that never kept any. @throws StoreError */
export async function requireVersions(
  { store, retry }: Pick<Remote, 'store' | 'retry'>,
  options: CallOptions = {},
): Promise<void> {
  const past = store.past({ atMs: 0 });
  await retry(() => past.check(options), options);
}
