// `awssyncer checkpoints`: the moments that can be brought back exactly.
import { withRemote } from '../agent/remote.ts';
import { listCheckpoints } from '../checkpoint/reader.ts';
import type { CommandConfig } from '../config/config.ts';
import { EXIT } from '../model/errors.ts';
import { showMs } from '../ops/units.ts';
import type { CommandContext } from './context.ts';
import { interruptOn } from './interrupt.ts';

export async function checkpoints(config: CommandConfig<'checkpoints'>, context: CommandContext): Promise<number> {
  const interrupt = interruptOn(context);
  const { signal } = interrupt;
  try {
    const found = await withRemote(config, context, (remote) => listCheckpoints({ ...remote, signal }));
    const nowMs = context.now();
    if (config.json) {
      const all = found.map(({ id, atMs }) => ({ id, at: new Date(atMs).toISOString() }));
      context.stdout(`${JSON.stringify({ command: 'checkpoints', exitCode: EXIT.ok, checkpoints: all })}\n`);
    } else {
      for (const { id, atMs } of found) context.stdout(`${id}  ${showMs(Math.max(0, nowMs - atMs))} ago\n`);
      if (found.length === 0) context.log.warn('there are no checkpoints: agents take them with --checkpoint-interval');
    }
    return EXIT.ok;
  } catch (error) {
    if (interrupt.exitCode !== undefined) return interrupt.exitCode;
    throw error;
  } finally {
    interrupt.release();
  }
}
