// Is there a source at all? An empty or unfinished directory must not be taken for the truth.
import type { PathFilter } from '../filter/path-filter.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { isMarker, pathOfKey, type RelKey } from '../model/key.ts';
import { ROOT } from '../model/path.ts';
import { takesPart } from '../tree/walk.ts';
import type { Workspace } from './workspace.ts';

/**
 * Why nothing may be deleted in S3 on the word of this directory, or undefined.
 *
 * | directory | ledger and listing | answer |
 * |---|---|---|
 * | holds something that is synchronised | | undefined |
 * | empty | empty | undefined |
 * | empty | S3 holds something | refused: a volume may not be mounted |
 * | any | a restore was begun and never finished | refused: the gaps are not deletions |
 */
export function untrustedSource({
  tree,
  filter,
  ledger,
}: Pick<Workspace, 'tree' | 'filter' | 'ledger'>): string | undefined {
  if (ledger.meta().restoring) return 'a restore into it was interrupted and not finished';
  const isEmpty = !tree.hasName(ROOT, (entry) => takesPart(ROOT, entry, filter));
  return isEmpty && holdsIncluded(ledger, filter) ? 'it is empty and S3 is not' : undefined;
}

function holdsIncluded(ledger: Ledger, filter: PathFilter): boolean {
  for (const { key } of ledger.range('' as RelKey)) if (filter.includes(pathOfKey(key), isMarker(key))) return true;
  return false;
}
