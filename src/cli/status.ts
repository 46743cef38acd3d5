// `awssyncer status`: how a running agent is, or each of them where several may be meant.
import type { CommandConfig } from '../config/config.ts';
import { EXIT } from '../model/errors.ts';
import type { AgentStatus, CheckpointStatus, Some } from '../ops/control.ts';
import { showBuild } from '../ops/page/words.js';
import { showBytes, showMs } from '../ops/units.ts';
import type { CommandContext } from './context.ts';
import { findAgents } from './find-agent.ts';

export async function status(config: CommandConfig<'status'>, context: CommandContext): Promise<number> {
  if (config.watch) return (await import('./watch-status.ts')).watchStatus(config, context);
  const agents = await findAgents(config, context);
  const shown = agents.map(({ status }) => {
    return config.json ? `${JSON.stringify(status)}\n` : humanStatus(status, context.now());
  });
  context.stdout(shown.join(config.json ? '' : '\n'));
  return EXIT.ok;
}

/** For people: one line each, nothing about what is as it should be. */
function humanStatus(status: AgentStatus, nowMs: number): string {
  const { counters, problems, heldDeletes, unwatched, oldestDirtySeconds } = status;
  const age = oldestDirtySeconds === null ? '' : `, the oldest for ${showMs(oldestDirtySeconds * 1000)}`;
  const lines = [
    `${status.local} -> ${status.remote}`,
    `agent:      ${status.state}, pid ${status.pid}, version ${showBuild(status)}, for ${showMs(nowMs - Date.parse(status.since))}`,
    `in sync:    ${status.inSync ? 'yes' : 'no'}`,
    `dirty:      ${status.dirty}${age}; ${status.inFlight} in flight`,
    status.awaitingProof === 0
      ? []
      : `waiting:    ${status.awaitingProof}: requests that were cut off may yet execute; S3 is asked when they cannot`,
    `done:       ${counters['uploaded']} uploaded (${showBytes(counters['bytes'] ?? 0)}), ${counters['deleted']} deleted, ${counters['requests']} requests`,
    status.rootBroken === null ? [] : `LOCAL:      nothing is deleted until a restart: ${status.rootBroken}`,
    status.checkpoint === null ? [] : `checkpoint: ${showCheckpoint(status.checkpoint)}`,
    status.overflows === 0 ? [] : `overflows:  ${status.overflows}`,
    list('not watched', unwatched, (path) => path),
    list('problems', problems, ({ path, kind, reason }) => `${path}: ${kind}, ${reason}`),
    list('deletes held', heldDeletes, (path) => path),
    heldDeletes.reason === null ? [] : `  ${heldDeletes.reason}; awssyncer approve-deletes lets them go`,
  ];
  return `${lines.flat().join('\n')}\n`;
}

function showCheckpoint({ id, ageSeconds }: CheckpointStatus): string {
  if (id === null) return 'none yet';
  return ageSeconds === 0 ? `${id}, of the present` : `${id}, ${showMs(ageSeconds! * 1000)} old`;
}

function list<T>(title: string, { count, first }: Some<T>, show: (item: T) => string): string[] {
  if (count === 0) return [];
  const more = count > first.length ? [`  and ${count - first.length} more`] : [];
  return [`${title}: ${count}`, ...first.map((item) => `  ${show(item)}`), ...more];
}
