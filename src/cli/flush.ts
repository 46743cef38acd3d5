// `awssyncer flush`: waits until S3 holds everything that was written before the call.
import type { CommandConfig } from '../config/config.ts';
import { EXIT } from '../model/errors.ts';
import type { FlushReport } from '../ops/control.ts';
import { showMs } from '../ops/units.ts';
import type { CommandContext } from './context.ts';
import { findAgent } from './find-agent.ts';
import { steer } from './steer.ts';

/** What the agent may take beyond the time it was given. */
const ANSWER_MS = 15_000;

export async function flush(config: CommandConfig<'flush'>, context: CommandContext): Promise<number> {
  const { timeoutMs, json } = config;
  const agent = await findAgent(config, context);
  const report = await steer<FlushReport>(agent, {
    path: `/flush?timeout=${timeoutMs / 1000}`,
    timeoutMs: timeoutMs + ANSWER_MS,
  });
  const exitCode = report.complete ? EXIT.ok : EXIT.partial;
  const { count, first } = report.missing;
  const ms = Math.round(report.ms);
  const checkpoint = checkpointOf(report);
  const taken = checkpoint === undefined ? '' : ` checkpoint=${checkpoint}`;
  if (json) context.stdout(`${JSON.stringify({ command: 'flush', exitCode, ...report })}\n`);
  else if (report.complete)
    context.log.info('flushed', { ms, checkpoint }, `flush: everything is in S3 after ${showMs(ms)}${taken}`);
  else {
    context.log.error('not flushed', { ms, paths: count }, `flush: not in S3 after ${showMs(ms)} paths=${count}`);
    for (const { path, kind, reason } of first) context.stdout(`${path}: ${kind}, ${reason}\n`);
    if (count > first.length) context.stdout(`and ${count - first.length} more\n`);
  }
  return exitCode;
}

/** undefined: the agent takes none. */
function checkpointOf({ checkpoint }: FlushReport): string | undefined {
  return checkpoint === null ? 'none, the tree did not rest' : checkpoint;
}
