// `awssyncer approve-deletes`: lets a running agent do the deletes it holds.
import type { CommandConfig } from '../config/config.ts';
import { EXIT } from '../model/errors.ts';
import type { CommandContext } from './context.ts';
import { findAgent } from './find-agent.ts';
import { steer } from './steer.ts';

/** A million paths are marked in a few seconds. */
const ANSWER_MS = 60_000;

export async function approveDeletes(
  config: CommandConfig<'approve-deletes'>,
  context: CommandContext,
): Promise<number> {
  const agent = await findAgent(config, context);
  const { approved } = await steer<{ approved: number }>(agent, { path: '/approve-deletes', timeoutMs: ANSWER_MS });
  if (config.json) context.stdout(`${JSON.stringify({ command: 'approve-deletes', exitCode: EXIT.ok, approved })}\n`);
  else {
    const said = approved === 0 ? 'no deletes are held' : `${approved} deletes were released`;
    context.log.info('deletes released', { deletes: approved }, said);
  }
  return EXIT.ok;
}
