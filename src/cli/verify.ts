// `awssyncer verify`: compare both sides; change nothing, or with --repair make S3 what is on disk.
import type { Difference } from '../agent/compare.ts';
import { directoryDefaults } from '../agent/engine.ts';
import { releaseLease } from '../agent/leasing.ts';
import { type Repair, repair } from '../agent/repair.ts';
import { verify as compareSides, type VerifyOptions, type VerifyResult } from '../agent/verify.ts';
import { openWorkspace, type Workspace, type WorkspaceOptions } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import { EXIT, type ExitCode } from '../model/errors.ts';
import { displayPath } from '../model/path.ts';
import { showMs } from '../ops/units.ts';
import type { CommandContext } from './context.ts';
import { interruptOn } from './interrupt.ts';
import { type Progress, showProgress } from './progress.ts';

/** What it takes to write, as a sync does. */
const REPAIRS = { useState: true, otherRoot: 'refuse', autoLease: 'lazy' } as const;

export async function verify(config: CommandConfig<'verify'>, context: CommandContext): Promise<number> {
  const started = context.now();
  const options: WorkspaceOptions = {
    createLocal: false,
    retryHorizonMs: config.retryHorizonMs,
    namesFromS3: true,
    ...(config.repair ? REPAIRS : { useState: false, otherRoot: 'accept' }),
  };
  const workspace = await openWorkspace(config, context, options);
  const interrupt = interruptOn(context);
  let progress: Progress | undefined;
  const endProgress = await showProgress(context, () => progress, config);
  try {
    const outcome = await (config.repair ? repaired : told)(workspace, config, {
      context,
      options: {
        crossMounts: config.crossMounts,
        directoryDefaults: directoryDefaults(config),
        download: config.download,
        signal: interrupt.signal,
        onProgress: (files, total) => {
          progress = { files, bytes: 0, total: { files: total, bytes: 0 } };
        },
      },
    });
    report(outcome, { config, context, ms: context.now() - started });
    return interrupt.exitCode ?? outcome.exitCode;
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

interface Outcome extends VerifyResult {
  readonly exitCode: ExitCode;
  readonly found: readonly (Difference & Partial<Pick<Repair, 'left'>>)[];
}

interface Way {
  readonly context: CommandContext;
  readonly options: Omit<VerifyOptions, 'onDifference'>;
}

/** For people each difference is said when it is found. */
async function told(
  workspace: Workspace,
  { json }: CommandConfig<'verify'>,
  { context, options }: Way,
): Promise<Outcome> {
  const found: Difference[] = [];
  const onDifference = (difference: Difference): void => {
    found.push(difference);
    if (!json) context.stdout(line(difference));
  };
  const result = await compareSides(workspace, { ...options, onDifference });
  return { ...result, found: json ? found : [], exitCode: result.differences > 0 ? EXIT.different : EXIT.ok };
}

/** Only in the end is it known what became of a difference. */
async function repaired(
  workspace: Workspace,
  config: CommandConfig<'verify'>,
  { context, options }: Way,
): Promise<Outcome> {
  const { repairs, ...result } = await repair(workspace, config, options);
  for (const { difference, left } of config.json ? [] : repairs)
    context.stdout(line(difference, left === undefined ? ': repaired' : `: not repaired: ${left}`));
  return { ...result, found: repairs.map(({ difference, left }) => ({ ...difference, left })) };
}

function line({ kind, path, detail }: Difference, outcome = ''): string {
  return `${kind.padEnd(10)} ${displayPath(path)}: ${detail}${outcome}\n`;
}

function report(
  { compared, differences, impossible, found, exitCode }: Outcome,
  { config, context, ms }: { config: CommandConfig<'verify'>; context: CommandContext; ms: number },
): void {
  for (const { key, reason } of impossible) context.log.warn('cannot be a path', { key, reason });
  const repaired = config.repair ? found.filter(({ left }) => left === undefined).length : undefined;
  const repairs = repaired === undefined ? '' : `, ${repaired} repaired`;
  context.log.info(
    'verify',
    { compared, differences, repaired, ms: Math.round(ms) },
    `verify: ${compared} compared, ${differences} different${repairs} in ${showMs(ms)}`,
  );
  if (!config.json) return;
  const shown = found.map(({ path, kind, detail, left }) => ({
    ...{ path: displayPath(path), kind, detail },
    ...(config.repair ? { repaired: left === undefined, ...(left === undefined ? {} : { left }) } : {}),
  }));
  const counts = config.repair ? { repaired } : {};
  context.stdout(
    `${JSON.stringify({ command: 'verify', exitCode, compared, ...counts, differences: shown, impossible, ms: Math.round(ms) })}\n`,
  );
}
