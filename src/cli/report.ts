// How a one-shot command tells what it did.
import type { Counters } from '../agent/counters.ts';
import type { Problem } from '../agent/problems.ts';
import type { ExitCode } from '../model/errors.ts';
import { displayPath, type RelPath } from '../model/path.ts';
import { NAMED_PATHS } from '../ops/control.ts';
import type { LogFields } from '../ops/log-keys.ts';
import { showBytes, showMs } from '../ops/units.ts';

export interface Report {
  readonly command: string;
  readonly exitCode: ExitCode;
  readonly ms: number;
  readonly counters: Counters;
  readonly problems: readonly (readonly [RelPath, Problem])[];
  /** Keys in S3 that cannot be a path here. */
  readonly impossible: readonly { readonly key: string; readonly reason: string }[];
  /** Deletes that were held back. */
  readonly heldDeletes: readonly RelPath[];
  readonly dryRun: boolean;
}

/** The result as one JSON object on one line. */
export function jsonReport(report: Report): string {
  const { command, exitCode, ms, counters, dryRun, heldDeletes } = report;
  const failed = report.problems.filter(([, { kind }]) => kind !== 'special');
  const { uploaded, copied, adopted, deleted, unchanged, bytes, requests } = counters;
  const result = {
    command,
    exitCode,
    dryRun,
    uploaded,
    copied,
    adopted,
    deleted,
    unchanged,
    skipped: report.problems.length - failed.length + report.impossible.length,
    failed: failed.length,
    held: heldDeletes.length,
    bytes,
    requests,
    ms: Math.round(ms),
    heldDeletes: heldDeletes.slice(0, NAMED_PATHS).map(displayPath),
    problems: [
      ...report.problems.map(([path, { kind, reason }]) => ({ path: displayPath(path), kind, reason })),
      ...report.impossible.map(({ key, reason }) => ({ key, kind: 'impossible', reason })),
    ],
  };
  return `${JSON.stringify(result)}\n`;
}

/** The result as a line of the log for programs. */
export function reportFields({ counters, problems, heldDeletes, dryRun, ms }: Report): LogFields {
  const failed = problems.filter(([, { kind }]) => kind !== 'special').length;
  return { ...counters, failed, held: heldDeletes.length, dryRun, ms: Math.round(ms) };
}

/** The result as one line for people. */
export function humanReport({ command, ms, counters, problems, heldDeletes, dryRun }: Report): string {
  const failed = problems.filter(([, { kind }]) => kind !== 'special').length;
  const parts = [
    `${counters.uploaded} uploaded (${showBytes(counters.bytes)})`,
    counters.copied > 0 ? `${counters.copied} copied` : '',
    counters.adopted > 0 ? `${counters.adopted} already there` : '',
    `${counters.deleted} deleted`,
    `${counters.unchanged} unchanged`,
    failed > 0 ? `${failed} failed` : '',
    heldDeletes.length > 0 ? `${heldDeletes.length} deletes held back` : '',
  ].filter((part) => part !== '');
  return `${command}${dryRun ? ' (dry run)' : ''}: ${parts.join(', ')} in ${showMs(ms)}`;
}
