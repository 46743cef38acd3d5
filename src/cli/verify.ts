// `awssyncer verify`: compare both sides, change nothing.

import type { Difference } from '../agent/compare.ts';
import { directoryDefaults } from '../agent/engine.ts';
import { verify as compareSides } from '../agent/verify.ts';
import { openWorkspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import { EXIT } from '../model/errors.ts';
import { displayPath } from '../model/path.ts';
import { showMs } from '../ops/units.ts';
import type { CommandContext } from './context.ts';
import { interruptOn } from './interrupt.ts';
import { progressLines } from './progress.ts';

export async function verify(config: CommandConfig<'verify'>, context: CommandContext): Promise<number> {
  const started = context.now();
  const workspace = await openWorkspace(config, context, {
    createLocal: false,
    useState: false,
    retryHorizonMs: config.retryHorizonMs,
    otherRoot: 'accept',
  });
  const interrupt = interruptOn(context);
  const found: Difference[] = [];
  let comparedSoFar = 0;
  const endProgress = progressLines(context, () => ({ compared: comparedSoFar }));
  try {
    const result = await compareSides(workspace, {
      crossMounts: config.crossMounts,
      directoryDefaults: directoryDefaults(config),
      download: config.download,
      signal: interrupt.signal,
      onProgress: (count) => {
        comparedSoFar = count;
      },
      onDifference: (difference) => {
        if (config.json) found.push(difference);
        else context.stdout(`${difference.kind.padEnd(10)} ${displayPath(difference.path)}: ${difference.detail}\n`);
      },
    });
    const exitCode = result.differences > 0 ? EXIT.different : EXIT.ok;
    const ms = context.now() - started;
    for (const { key, reason } of result.impossible) context.log.warn('cannot be a path', { key, reason });
    context.log.info(`verify: ${result.compared} compared, ${result.differences} different in ${showMs(ms)}`);
    if (config.json) {
      const differences = found.map((difference) => ({ ...difference, path: displayPath(difference.path) }));
      const { compared, impossible } = result;
      context.stdout(
        `${JSON.stringify({ command: 'verify', exitCode, compared, differences, impossible, ms: Math.round(ms) })}\n`,
      );
    }
    return exitCode;
  } catch (error) {
    if (interrupt.exitCode !== undefined) return interrupt.exitCode;
    throw error;
  } finally {
    endProgress();
    interrupt.release();
    workspace.close();
  }
}
