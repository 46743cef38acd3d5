// `awssyncer doctor`: will an agent work here?
import { regionOf } from '../agent/reach-bucket.ts';
import type { CommandConfig } from '../config/config.ts';
import { examineBucket } from '../doctor/bucket.ts';
import { examineMachine } from '../doctor/machine.ts';
import { iamPolicy, versionsHint } from '../doctor/policy.ts';
import { Report } from '../doctor/report.ts';
import { exitCodeOf, type State, showVerdict } from '../doctor/verdict.ts';
import { EXIT } from '../model/errors.ts';
import { showMs } from '../ops/units.ts';
import type { CommandContext } from './context.ts';
import { interruptOn } from './interrupt.ts';

export async function doctor(config: CommandConfig<'doctor'>, context: CommandContext): Promise<number> {
  if (config.iamPolicy) return printPolicy(config, context);
  const startedMs = context.now();
  const interrupt = interruptOn(context);
  const report = new Report((verdict) => {
    if (!config.json) context.stdout(showVerdict(verdict));
  }, interrupt.signal);
  try {
    await examineMachine(config, context, report);
    if (!interrupt.signal.aborted) await examineBucket(config, context, report);
  } finally {
    interrupt.release();
  }
  const exitCode = exitCodeOf(report.verdicts);
  const ms = context.now() - startedMs;
  const count = (wanted: State): number => report.verdicts.filter(({ state }) => state === wanted).length;
  const [failed, warnings, fine] = [count('fail'), count('warn'), count('ok')];
  context.log.info(
    'doctor',
    { failed, warnings, fine, ms: Math.round(ms) },
    `doctor: ${failed} failed, ${warnings} to be looked at, ${fine} fine in ${showMs(ms)}`,
  );
  if (config.json) {
    context.stdout(`${JSON.stringify({ command: 'doctor', exitCode, checks: report.verdicts, ms: Math.round(ms) })}\n`);
  }
  return interrupt.exitCode ?? exitCode;
}

function printPolicy(config: CommandConfig<'doctor'>, { env, stdout, log }: CommandContext): number {
  const scope = { ...config.remote, region: config.region ?? regionOf(env) };
  stdout(`${JSON.stringify(iamPolicy(scope, config), null, 2)}\n`);
  const hint = versionsHint(scope);
  log.info('some commands need more', { hint }, hint);
  return EXIT.ok;
}
