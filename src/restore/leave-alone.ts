// An object that cannot be on this disk.
import { foreignRow } from '../ledger/row.ts';
import { finding, type Remote, type Restoring } from './work.ts';

/** Reports it; the object stays as it is, and unless it is what we stored ourselves it is not ours to delete. */
export async function leaveAlone(
  work: Restoring,
  { remote, reason }: { remote: Remote; reason: string },
): Promise<void> {
  work.tally.refused.push(finding(remote.relKey, reason));
  const row = work.options.ledger.get(remote.relKey);
  if (row?.etag !== remote.etag) await work.rows.saveOf(remote, foreignRow(remote.relKey, remote, row));
}
