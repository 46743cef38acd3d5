// Pure. Ledger rows from what a restore saw.
import type { LedgerRow } from '../ledger/ledger.ts';
import { rowFor } from '../ledger/row.ts';
import type { Stat } from '../model/entry.ts';
import { storedLinkGroup } from '../model/extras.ts';
import { storedXattrs } from '../model/xattrs.ts';
import type { ObjectHead } from '../store/object-store.ts';
import type { Remote } from './work.ts';

/**
 * An object whose content was read just now. What an earlier row still warns of is kept: an open upload, and a late
 * request that may yet execute.
 */
export function provenRow(
  remote: Remote,
  facts: { stat: Stat; head: ObjectHead; checksum: string; before: LedgerRow | undefined; keepsXattrs: boolean },
): LedgerRow {
  const { stat, head, checksum, before, keepsXattrs } = facts;
  const { metadata } = head.attributes;
  const late = before?.state === 'unproven' ? before.proveAfterMs : null;
  return rowFor(remote.relKey, stat, {
    state: late === null ? 'known' : 'unproven',
    xattrs: keepsXattrs ? storedXattrs(metadata).digest : null,
    linkGroup: storedLinkGroup(metadata),
    checksum,
    etag: head.etag,
    versionId: head.versionId,
    uploadId: before?.uploadId ?? null,
    proveAfterMs: late,
  });
}
