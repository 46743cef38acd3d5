// A workspace whose S3 is what it once was.
import { type CheckpointReaderOptions, listCheckpoints, versionsOfCheckpoint } from '../checkpoint/reader.ts';
import type { PathFilter } from '../filter/path-filter.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { openLedger } from '../ledger/sqlite-ledger.ts';
import { EXIT, OperatorError, RefusedError } from '../model/errors.ts';
import { isMarker, pathOfKey, relativeKey } from '../model/key.ts';
import { displayPath, ROOT } from '../model/path.ts';
import { StoreError } from '../store/errors.ts';
import type { PastChoice, VersionName } from '../store/object-store.ts';
import { takesPart } from '../tree/walk.ts';
import { requireVersions } from './require-versions.ts';
import type { Workspace } from './workspace.ts';

/** Which past is wanted: that of a checkpoint, the newest by default, or of a moment. */
export type Wanted =
  | { readonly checkpoint: string | 'latest' }
  /** By the server's dates alone only if `isExact`, or if no checkpoint was taken until then. */
  | { readonly atMs: number; readonly isExact: boolean };

/**
 * The same with what the bucket held then, and a ledger that nobody keeps: what S3 held once says nothing of what it
 * holds. Only that something is missing in LOCAL is remembered until it is complete.
 * @throws OperatorError, RefusedError, StoreError
 */
export async function inPast(workspace: Workspace, wanted: Wanted, signal: AbortSignal): Promise<Workspace> {
  const { store, log } = workspace;
  requireNewPlace(workspace);
  await requireVersions(workspace, { signal });
  const { choice, when, checkpoint } = await choose(workspace, wanted, signal);
  if (checkpoint !== undefined) log.info('restoring a checkpoint', { id: checkpoint });
  const unkept = unkeptBeside(workspace.ledger);
  const close = (): void => {
    unkept.close();
    workspace.close();
  };
  const url = `${workspace.url} as of ${when}`;
  return { ...workspace, store: store.past(choice), url, ledger: unkept, stateDir: undefined, close };
}

/** An empty ledger in memory. That a restore was begun and not finished is told to the kept one as well. */
function unkeptBeside(kept: Ledger): Ledger {
  const { ledger } = openLedger({ file: ':memory:' });
  const setMeta = ledger.setMeta.bind(ledger);
  ledger.setMeta = (change) => {
    setMeta(change);
    if (change.restoring !== undefined) kept.setMeta({ restoring: change.restoring });
  };
  return ledger;
}

/** What is missing in a directory that was synchronised counts as deleted: so would what is not restored yet. */
function requireNewPlace({ tree, ledger, restoreFilter, url }: Workspace): void {
  const isEmpty = !tree.hasName(ROOT, (entry) => takesPart(ROOT, entry, restoreFilter));
  const { ours, foreign } = ledger.count();
  if (isEmpty && ours + foreign === 0) return;
  const rule = isEmpty ? 'was synchronised with it before' : 'is not empty';
  throw new RefusedError(
    `Cannot restore ${url} as it was: ${displayPath(tree.root)} ${rule}`,
    'Restore into a new directory, look at it, and take from it what you want.',
  );
}

interface Chosen {
  readonly choice: PastChoice;
  /** For people. */
  readonly when: string;
  readonly checkpoint?: string;
}

async function choose(workspace: Workspace, wanted: Wanted, signal: AbortSignal): Promise<Chosen> {
  const { store, prefix, retry, restoreFilter, log } = workspace;
  const reader = { store, prefix, retry, signal };
  const ofCheckpoint = async (id: string): Promise<Chosen> => {
    const versions = selected(await read(reader, id, workspace), prefix, restoreFilter);
    return { choice: { versions }, when: `checkpoint ${id}`, checkpoint: id };
  };
  if ('checkpoint' in wanted) return await ofCheckpoint(await find(reader, wanted.checkpoint, workspace));
  const { atMs, isExact } = wanted;
  const newest = isExact ? undefined : (await listCheckpoints(reader)).findLast((each) => each.atMs <= atMs);
  if (newest === undefined) return { choice: { atMs }, when: new Date(atMs).toISOString() };
  const seconds = Math.round((atMs - newest.atMs) / 1000);
  log.info('the last checkpoint until then is restored; --exact-versions goes by dates instead', {
    id: newest.id,
    secondsBefore: seconds,
  });
  return await ofCheckpoint(newest.id);
}

async function find(reader: CheckpointReaderOptions, id: string, { url }: Workspace): Promise<string> {
  if (id !== 'latest') return id;
  const newest = (await listCheckpoints(reader)).at(-1);
  if (newest !== undefined) return newest.id;
  throw new OperatorError(`Cannot restore ${url}: no checkpoint was ever taken`, {
    exitCode: EXIT.fatal,
    hint: 'An agent takes them with --checkpoint-interval; --at goes by the dates of versions.',
  });
}

async function read(
  reader: CheckpointReaderOptions,
  id: string,
  { url }: Workspace,
): Promise<ReadonlyMap<string, VersionName>> {
  try {
    return await versionsOfCheckpoint(reader, id);
  } catch (cause) {
    if (cause instanceof StoreError && cause.reaction !== 'not-found') throw cause;
    throw new OperatorError(`Cannot restore checkpoint ${id} of ${url}: ${(cause as Error).message}`, {
      exitCode: EXIT.fatal,
      hint: 'awssyncer checkpoints lists those there are.',
      cause,
    });
  }
}

/** What the filter leaves out may be missing. */
function selected(
  versions: ReadonlyMap<string, VersionName>,
  prefix: string,
  filter: PathFilter,
): ReadonlyMap<string, VersionName> {
  const isSelected = (key: string): boolean => {
    const relative = relativeKey(prefix, key);
    return typeof relative !== 'string' || filter.includes(pathOfKey(relative), isMarker(relative));
  };
  return new Map([...versions].filter(([key]) => isSelected(key)));
}
