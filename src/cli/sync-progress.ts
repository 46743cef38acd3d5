// The progress of a sync, which finds out what is to be done while it does it.
import { clock } from '../agent/clock.ts';
import { countToDo, type ToDo } from '../agent/to-do.ts';
import type { Workspace } from '../agent/workspace.ts';
import { type Edges, type LineOptions, type Progress, progressLines } from './progress.ts';

/** What takes no longer is not worth the count. */
const COUNT_AFTER_MS = 5_000;

/** @returns the way to end it */
export function showSync(
  edges: Pick<Edges, 'log'>,
  workspace: Workspace,
  { logFormat, crossMounts }: Pick<LineOptions, 'logFormat'> & { readonly crossMounts: boolean },
): () => void {
  const { counters, log } = workspace;
  const abort = new AbortController();
  let total: ToDo | undefined;
  const done = (): ToDo => {
    const { uploaded, copied, adopted, bytes } = counters;
    return { files: uploaded + copied + adopted, bytes };
  };
  const count = async (): Promise<void> => {
    const before = done();
    const rest = await countToDo(workspace, { crossMounts, signal: abort.signal });
    if (!abort.signal.aborted) total = { files: before.files + rest.files, bytes: before.bytes + rest.bytes };
  };
  const cancel = clock.timer(() => {
    count().catch((error: unknown) => log.debug('cannot tell how much there is to do', { reason: String(error) }));
  }, COUNT_AFTER_MS);
  const progress = (): Progress => ({ ...done(), ...(total && { total }), more: { ...counters } });
  const endLines = progressLines(edges, progress, { logFormat });
  return () => {
    abort.abort();
    cancel();
    endLines();
  };
}
