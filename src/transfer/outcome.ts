// Pure. How the work on one path ended. An outcome updates the ledger; everything else marks the path dirty again.
import type { LedgerRow } from '../ledger/ledger.ts';
import type { RelKey } from '../model/key.ts';
import type { StoreError } from '../store/errors.ts';

export type Outcome =
  /**
   * S3 acknowledged. `torn`: it is a snapshot of a file that did not rest. `marked`: the object says so; what is sent in
   * parts says it at their start, so it may turn out not to be torn: then the mark must come off.
   */
  | {
      readonly end: 'stored';
      readonly row: LedgerRow;
      readonly how: 'uploaded' | 'copied';
      readonly bytes: number;
      readonly torn: boolean;
      readonly marked: boolean;
    }
  /** Nothing had to be sent: the content is equal. */
  | { readonly end: 'equal'; readonly row: LedgerRow; readonly adopted: boolean }
  /** A proof by HEAD: the key is as believed, or it is not and must be looked at anew. */
  | { readonly end: 'proven'; readonly row: LedgerRow | undefined; readonly key: RelKey }
  | { readonly end: 'disproven'; readonly row: LedgerRow }
  /** It changed, vanished or became something else while it was read: look again. */
  | { readonly end: 'raced' }
  /** Its timestamps are too young to tell a later write; look again after this pause. */
  | { readonly end: 'young'; readonly inMs: number }
  /** As many commands run as may: look again after this pause. */
  | { readonly end: 'busy'; readonly inMs: number }
  /** The file could not be read; nothing is known, nothing is deleted. */
  | { readonly end: 'unreadable'; readonly code: string }
  /** The request failed. `row` is what the ledger must believe of an ambiguous one. */
  | { readonly end: 'failed'; readonly error: StoreError; readonly row?: LedgerRow };
