// A URL that names an object instead of what is beneath it: only that object is restored.
import { join } from 'node:path';
import type { Names } from '../config/config.ts';
import type { PathFilter } from '../filter/path-filter.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { EXIT, OperatorError, UsageError } from '../model/errors.ts';
import { displayPath, pathFromText, type RelPath } from '../model/path.ts';
import { StoreError } from '../store/errors.ts';
import { headAsListed } from '../store/head-as-listed.ts';
import type { ListedObject } from '../store/object-store.ts';
import { openOwnLedger } from './own-ledger.ts';
import type { Workspace } from './workspace.ts';

export interface OneObjectOptions {
  readonly names: Names;
  /** The store is that of a moment, which knows only what was listed. */
  readonly isPast: boolean;
  /** Keep nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/**
 * The workspace in which the object that the URL names is all there is; undefined if the URL names a prefix. What is
 * remembered of it is kept apart: the same key beneath the prefix that the URL could name is another object. Nothing is
 * guessed: where there is an object and something beneath it, somebody has to say which is meant.
 *
 * | the URL | the object | beneath it | names |
 * |---|---|---|---|
 * | ends in '/' | | | the prefix |
 * | does not | there | nothing | the object |
 * | does not | absent, or may not be looked at | | the prefix |
 * | does not | there | something | refused |
 * | is that of an object (--object) | there | | the object |
 * | is that of an object | absent | | an error |
 *
 * @throws UsageError, OperatorError, StoreError
 */
export async function oneObject(workspace: Workspace, options: OneObjectOptions): Promise<Workspace | undefined> {
  if (options.names === 'prefix') return undefined;
  const isCertain = options.names === 'object';
  const { prefix, store, restoreFilter } = workspace;
  const url = workspace.url.replace(/\/( as of .*)?$/, '$1');
  const key = prefix.slice(0, -1);
  const object = await find(workspace, key, options);
  if (object === undefined) {
    if (!isCertain) return undefined;
    throw new OperatorError(`Cannot restore ${url}: there is no such object`, {
      exitCode: EXIT.fatal,
      hint: 'Check the URL, or S3_BUCKET and S3_OBJECT.',
    });
  }
  if (!isCertain && (await holdsSomething(workspace, options.signal))) {
    throw new UsageError(
      `Cannot restore ${url}: it is an object, and there are others beneath it`,
      "Add a '/' to the URL for those beneath it, or --object for the object.",
    );
  }
  const directory = key.slice(0, key.lastIndexOf('/') + 1);
  const path = pathFromText(key.slice(directory.length));
  if (!restoreFilter.includes(path, false)) {
    throw new UsageError(
      `Cannot restore ${url}: --exclude leaves it out, or its name is reserved`,
      'Leave out --exclude, or add an --include.',
    );
  }
  workspace.log.info('the URL names one object', { remote: url, path: displayPath(path) });
  const filter = only(path, restoreFilter);
  const list = async function* () {
    yield [object];
  };
  const ledger = options.isPast ? workspace.ledger : await ownLedger(workspace, { prefix: directory, url, ...options });
  const close = (): void => {
    if (ledger !== workspace.ledger) ledger.close();
    workspace.close();
  };
  return {
    ...workspace,
    prefix: directory,
    url,
    filter,
    restoreFilter: filter,
    store: { ...store, list },
    ledger,
    close,
  };
}

function ownLedger(
  { stateDir, guard, store, server, retry, log }: Workspace,
  { prefix, url, dryRun }: OneObjectOptions & { readonly prefix: string; readonly url: string },
): Promise<Ledger> {
  const file = stateDir?.path ? join(stateDir.path, 'object.sqlite') : ':memory:';
  return openOwnLedger({ file, dryRun, otherRoot: 'accept', guard, store, retry, prefix, url, server, log });
}

async function find(
  { store, retry }: Workspace,
  key: string,
  { names, isPast, signal }: OneObjectOptions,
): Promise<ListedObject | undefined> {
  if (isPast) {
    for await (const page of store.list(key, { signal })) {
      const found = page.find((object) => object.key === key);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  try {
    return await retry(() => headAsListed(store, key, { signal }), { signal });
  } catch (error) {
    // Who may read only what is beneath the prefix is told this of the object as well.
    if (names === 'either' && error instanceof StoreError && error.reaction === 'denied') return undefined;
    throw error;
  }
}

async function holdsSomething({ store, prefix }: Workspace, signal: AbortSignal): Promise<boolean> {
  for await (const page of store.list(prefix, { signal })) if (page.length > 0) return true;
  return false;
}

function only(wanted: RelPath, filter: PathFilter): PathFilter {
  return { ...filter, includes: (path, isDirectory) => path === wanted && !isDirectory, descends: () => false };
}
