// Pure. The rules between options, all in one place; rules about one value alone are in its kind.
import type { SnapshotHook } from '../filter/path-filter.ts';
import { UsageError } from '../model/errors.ts';
import type { Command } from './option.ts';
import { OPTIONS, type OptionKey, type OptionValues } from './options.ts';

/** The options of any command. */
export type SomeValues = Partial<OptionValues<Command>>;

type NumberKey = { [K in OptionKey]: (typeof OPTIONS)[K]['default'] extends number ? K : never }[OptionKey];

/** The first may not be greater than the second, because the sentence would be false. */
const NOT_GREATER: readonly (readonly [smaller: NumberKey, greater: NumberKey, why: string])[] = [
  ['coalesceMs', 'settleMs', 'a finished write is due before an unfinished one'],
  ['settleMs', 'maxWaitMs', 'a file that rests is due before one that never does'],
  ['partSizeBytes', 'multipartThresholdBytes', 'an upload in parts has a whole first part'],
  ['commandGraceMs', 'shutdownTimeoutMs', 'the command ends before the time for uploads does'],
  ['lingerMs', 'shutdownTimeoutMs', 'both count from the signal, and lingering must leave time to upload'],
];

/**
 * Checks the options of one command against each other; options it does not know are not looked at.
 *
 * @throws UsageError naming both options, both values and the remedy
 */
export function checkTogether(values: SomeValues, command: Command): void {
  for (const [smaller, greater, why] of NOT_GREATER) {
    const [low, high] = [values[smaller], values[greater]];
    if (low === undefined || high === undefined || low <= high) continue;
    const [lowFlag, highFlag] = [OPTIONS[smaller], OPTIONS[greater]].map((row) => `--${row.flag}`);
    const shown = OPTIONS[smaller].kind.show(low);
    throw new UsageError(
      `Cannot use ${lowFlag} ${shown}: it must not be more than ${highFlag}, current value is ${OPTIONS[greater].kind.show(high)}`,
      `Lower ${lowFlag} or give ${highFlag} ${shown} or more: ${why}.`,
    );
  }
  if (values.repair === false && values.delete) {
    throw new UsageError('Cannot use --delete: verify changes nothing without --repair', 'Give --repair as well.');
  }
  if (values.kmsKeyId !== undefined && !values.encryption?.startsWith('aws:kms')) {
    throw new UsageError(
      `Cannot use --sse-kms-key-id: it needs --sse aws:kms, current value is '${values.encryption ?? 'none'}'`,
      'Give --sse aws:kms as well.',
    );
  }
  if (values.customerKeyFile !== undefined && values.encryption !== undefined) {
    throw new UsageError(
      'Cannot use --sse-c-key-file with --sse: an object is encrypted with one key',
      'Give one of the two.',
    );
  }
  if (values.at !== undefined && values.checkpoint !== undefined) {
    throw new UsageError('Cannot use --at with --checkpoint: each names a moment', 'Give one of the two.');
  }
  if (values.exactVersions && values.at === undefined) {
    throw new UsageError(
      'Cannot use --exact-versions: it needs --at, current value is now',
      'Without --at and --checkpoint a restore brings what S3 holds now.',
    );
  }
  if (command === 'restore' && values.delete && values.stateDir === 'none') {
    throw new UsageError(
      'Cannot use --delete with --state-dir none: what is removed could not be kept',
      'Give a state directory, or restore into an empty directory.',
    );
  }
  const replaces = values.overwrite === 'newer' || values.overwrite === 'always';
  if (replaces && values.stateDir === 'none') {
    throw new UsageError(
      `Cannot use --overwrite ${values.overwrite} with --state-dir none: what is replaced could not be kept`,
      'Give a state directory, or restore into an empty directory.',
    );
  }
  if (values.httpControl !== undefined && values.http === 'off') {
    throw new UsageError(
      'Cannot use --http-control: it needs --http, which is off',
      'Give the address to listen at: --http PORT.',
    );
  }
}

/** @throws UsageError if hooks have no place to make snapshots in; a verify that repairs nothing makes none */
export function checkHooks(hooks: readonly SnapshotHook[], { stateDir, repair }: SomeValues): void {
  if (hooks.length === 0 || repair === false || stateDir !== 'none') return;
  throw new UsageError(
    "Cannot use --snapshot-hook: it needs a state directory to make snapshots in, current value of --state-dir is 'none'",
    'Name a directory with --state-dir PATH.',
  );
}

/** The default of --command-grace: what --shutdown-timeout leaves when ten seconds, at most half of it, are kept for uploads. */
export function commandGraceMs(values: SomeValues): number {
  const timeoutMs = values.shutdownTimeoutMs ?? 0;
  return Math.max(timeoutMs - 10_000, timeoutMs / 2);
}
