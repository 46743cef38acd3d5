// One planned action -> one transfer.
import type { Mark } from '../dirt/dirty-set.ts';
import type { Action } from '../model/action.ts';
import type { TransferContext } from '../transfer/context.ts';
import { copyFile } from '../transfer/copy-file.ts';
import type { Outcome } from '../transfer/outcome.ts';
import { proveKey } from '../transfer/prove.ts';
import { uploadFile } from '../transfer/upload-file.ts';
import { uploadMarker, uploadSymlink } from '../transfer/upload-inline.ts';
import type { Look } from './look.ts';
import type { Beginning, Transfers } from './transfers.ts';

/** Actions that are a transfer of their own; deletes go in batches, the rest needs no request. */
export type TransferAction = Extract<Action, { do: 'put-file' | 'put-symlink' | 'put-marker' | 'prove' }>;

export function isTransfer(action: Action): action is TransferAction {
  return action.do === 'put-file' || action.do === 'put-symlink' || action.do === 'put-marker' || action.do === 'prove';
}

export interface JobOptions {
  readonly mark: Mark;
  readonly look: Look;
  /** Publish a snapshot of a file that does not rest. */
  readonly force: boolean;
  /** Where it is seen as long as it is under way. */
  readonly transfers: Transfers;
  readonly signal: AbortSignal;
}

/** A copy that failed so often for no stated reason, or never ended, is not tried again: the content is sent. */
const COPY_ATTEMPTS = 2;

/** The object of another key is its source. */
function isCopy(action: TransferAction, { mark }: Pick<JobOptions, 'mark'>): boolean {
  return action.do === 'put-file' && action.from !== undefined && mark.attempts < COPY_ATTEMPTS;
}

/** What it is, for people. */
function beginningOf(action: TransferAction, job: JobOptions): Beginning {
  const { path } = job.mark;
  if (action.do === 'prove') return { action: 'prove', path };
  const bytes = action.do === 'put-marker' ? undefined : job.look.state.stat?.sizeBytes;
  return { action: isCopy(action, job) ? 'copy' : 'upload', path, bytes };
}

/** Performs it. Rejects only on a broken ledger or a defect. */
export function perform(context: TransferContext, action: TransferAction, job: JobOptions): Promise<Outcome> {
  return job.transfers.during(beginningOf(action, job), (onSent) => start(context, action, { ...job, onSent }));
}

interface StartedJob extends JobOptions {
  /** S3 has taken so much more of the content. */
  readonly onSent: (bytes: number) => void;
}

function start(context: TransferContext, action: TransferAction, job: StartedJob): Promise<Outcome> {
  const { path } = job.mark;
  const { stat, xattrs, fileRow, markerRow, source } = job.look.state;
  const { signal, force, onSent } = job;
  switch (action.do) {
    case 'put-file': {
      const { content, from } = action;
      const upload = { path, content, row: fileRow, force, overtaken: job.mark.races > 0, onSent, signal };
      return from !== undefined && isCopy(action, job)
        ? copyFile(context, { ...upload, stat: stat!, source: source!.row, proven: from.proven })
        : uploadFile(context, upload);
    }
    case 'put-symlink':
      return uploadSymlink(context, { path, stat: stat!, xattrs: null, row: fileRow, signal });
    case 'put-marker':
      return uploadMarker(context, { path, stat: stat!, xattrs, row: markerRow, signal });
    case 'prove':
      return proveKey(context, (action.target === 'file' ? fileRow : markerRow)!, signal);
  }
}
