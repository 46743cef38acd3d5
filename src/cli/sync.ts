// `awssyncer sync`: disk -> S3, once.
import { releaseLease } from '../agent/leasing.ts';
import { syncOnce } from '../agent/sync-once.ts';
import { openWorkspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import type { CommandContext } from './context.ts';
import { interruptOn } from './interrupt.ts';
import { humanReport, jsonReport, type Report, reportFields } from './report.ts';
import { showSync } from './sync-progress.ts';

export async function sync(config: CommandConfig<'sync'>, context: CommandContext): Promise<number> {
  const started = context.now();
  const workspace = await openWorkspace(config, context, {
    createLocal: false,
    useState: true,
    retryHorizonMs: config.retryHorizonMs,
    otherRoot: 'refuse',
    dryRun: config.dryRun,
    autoLease: 'lazy',
    checksLate: true,
  });
  const interrupt = interruptOn(context);
  const endProgress = await showSync(context, workspace, config);
  try {
    const { exitCode, engine, remote } = await syncOnce(workspace, config, interrupt.signal);
    const report: Report = {
      command: 'sync',
      exitCode,
      ms: context.now() - started,
      counters: workspace.counters,
      problems: engine.problems.all(),
      impossible: remote?.impossible ?? [],
      heldDeletes: engine.pipeline.heldDeletes?.paths ?? [],
      dryRun: config.dryRun,
    };
    context.log.info('sync', reportFields(report), humanReport(report));
    if (config.json) context.stdout(jsonReport(report));
    return interrupt.exitCode ?? exitCode;
  } catch (error) {
    if (interrupt.exitCode !== undefined) return interrupt.exitCode;
    throw error;
  } finally {
    endProgress();
    interrupt.release();
    await releaseLease(workspace);
    workspace.close();
  }
}
