// Brings the ledger in line with a complete listing: what is there and not ours becomes foreign, what is gone is
// forgotten, so that the same planner decides about both.
import type { LedgerRow } from '../ledger/ledger.ts';
import { foreignRow } from '../ledger/row.ts';
import { isListedApart, type RelKey, relativeKey } from '../model/key.ts';
import type { ListedObject } from '../store/object-store.ts';
import type { Workspace } from './workspace.ts';

/** What a listing found. */
export interface RemoteCounts {
  readonly listed: number;
  /** Keys that cannot be a path; they are left alone. */
  readonly impossible: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * | listed | row | becomes |
 * |---|---|---|
 * | yes | none | foreign |
 * | yes, other ETag | known or fuzzy | foreign: somebody else wrote it |
 * | no | known or fuzzy | forgotten: somebody else deleted it |
 * | either | intent or unproven | as it was: a request of ours may have done this, or may still undo it |
 */
export async function listRemote(
  { store, prefix, ledger, journal, log }: Pick<Workspace, 'store' | 'prefix' | 'ledger' | 'journal' | 'log'>,
  signal: AbortSignal,
): Promise<RemoteCounts> {
  journal.flush();
  ledger.setMeta({ listed: false }); // until this listing is complete
  ledger.forgetForeign();
  const impossible: { key: string; reason: string }[] = [];
  let listed = 0;
  const ours = ledger.range('' as RelKey);
  let row = ours.next();
  const forget: RelKey[] = [];
  /** Rows that are listed under other names, in an order of their own. */
  const apart = new Map<RelKey, LedgerRow>();
  /** Our rows before `key` were not listed. */
  const skipTo = (key: RelKey | undefined): LedgerRow | undefined => {
    for (; !row.done && (key === undefined || row.value.key < key); row = ours.next()) {
      if (isListedApart(prefix, row.value.key)) apart.set(row.value.key, row.value);
      else if (isCertain(row.value)) forget.push(row.value.key);
    }
    if (row.done || row.value.key !== key) return undefined;
    const found = row.value;
    row = ours.next(); // it is listed: the next call must not take it for one that is gone
    return found;
  };
  const isNews = (own: LedgerRow | undefined, object: ListedObject): boolean =>
    own === undefined || (isCertain(own) && own.etag !== object.etag);
  const listedApart: { readonly key: RelKey; readonly object: ListedObject }[] = [];
  for await (const page of store.list(prefix, { signal })) {
    const rows: LedgerRow[] = [];
    for (const object of page) {
      const key = relativeKey(prefix, object.key);
      if (key === undefined) continue;
      listed++;
      if (object.key === prefix) continue; // a console's folder placeholder for the prefix itself
      if (typeof key !== 'string') {
        impossible.push({ key: object.key, reason: key.impossible });
        continue;
      }
      if (isListedApart(prefix, key)) {
        listedApart.push({ key, object });
        continue;
      }
      const own = skipTo(key);
      if (isNews(own, object)) rows.push(foreignRow(key, object, own));
    }
    ledger.write(rows, forget.splice(0));
  }
  skipTo(undefined);
  const rows: LedgerRow[] = [];
  for (const { key, object } of listedApart) {
    const own = apart.get(key);
    apart.delete(key);
    if (isNews(own, object)) rows.push(foreignRow(key, object, own));
  }
  for (const own of apart.values()) if (isCertain(own)) forget.push(own.key);
  ledger.write(rows, forget);
  ledger.setMeta({ listed: true });
  log.info('listed', { objects: listed, foreign: ledger.count().foreign });
  for (const { key, reason } of impossible) log.warn('a key that cannot be a path is left alone', { key, reason });
  return { listed, impossible };
}

function isCertain({ state }: LedgerRow): boolean {
  return state === 'known' || state === 'fuzzy';
}
