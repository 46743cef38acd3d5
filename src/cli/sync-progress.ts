// The progress of a sync, which finds out what is to be done while it does it.
import { clock } from '../agent/clock.ts';
import { countToDo, type ToDo } from '../agent/to-do.ts';
import type { Watching } from '../agent/watching.ts';
import type { Workspace } from '../agent/workspace.ts';
import type { AgentSurroundings } from './control.ts';
import { type Edges, type Progress, type ShowOptions, showProgress } from './progress.ts';

/** What takes no longer is not worth the count. */
const COUNT_AFTER_MS = 5_000;

/** What becomes of files that are to be sent. */
const SENT = ['uploaded', 'copied', 'adopted'] as const;

/** Counts from when it is called. @returns the way to end it */
export async function showSync(
  edges: Edges,
  workspace: Workspace,
  { logFormat, crossMounts }: ShowOptions & { readonly crossMounts: boolean },
): Promise<() => void> {
  const { counters, log } = workspace;
  const abort = new AbortController();
  let total: ToDo | undefined;
  const before = { ...counters };
  const done = (): ToDo => ({
    files: SENT.reduce((files, name) => files + counters[name] - before[name], 0),
    bytes: counters.bytes - before.bytes,
  });
  const count = async (): Promise<void> => {
    const sofar = done();
    const rest = await countToDo(workspace, { crossMounts, signal: abort.signal });
    if (!abort.signal.aborted) total = { files: sofar.files + rest.files, bytes: sofar.bytes + rest.bytes };
  };
  const cancel = clock.timer(() => {
    count().catch((error: unknown) => log.debug('cannot tell how much there is to do', { reason: String(error) }));
  }, COUNT_AFTER_MS);
  const progress = (): Progress => ({ ...done(), ...(total && { total }), more: { ...counters } });
  const endProgress = await showProgress(edges, progress, { logFormat });
  return () => {
    abort.abort();
    cancel();
    endProgress();
  };
}

/** The progress of an agent's first sync: what is to be done at its start. @returns the way to end it early */
export async function showFirstSync(
  { workspace, config, context }: AgentSurroundings,
  watching: Pick<Watching, 'firstSync'>,
): Promise<() => void> {
  const end = await showSync(context, workspace, config);
  void watching.firstSync.then(end);
  return end;
}
