// Pure. Does it fit?
import { EXIT, OperatorError } from '../model/errors.ts';

export interface SpaceNeeded {
  readonly bytes: number;
  readonly inodes: number;
  /** @throws {OperatorError} if there is less than that. */
  assertFits(free: { readonly root: string; readonly freeBytes: number; readonly freeInodes: number }): void;
}

/**
 * What downloads need beyond the files they replace. Each file is replaced when its successor is complete, so the
 * largest of those in work at once need room twice.
 */
export function spaceNeeded(
  downloads: readonly { readonly sizeBytes: number; readonly replacedBytes: number }[],
  { concurrency, blockBytes }: { concurrency: number; blockBytes: number },
): SpaceNeeded {
  const inBlocks = (bytes: number): number => Math.ceil(bytes / blockBytes) * blockBytes;
  const growth = downloads.reduce((sum, d) => sum + inBlocks(d.sizeBytes) - inBlocks(d.replacedBytes), 0);
  const replaced = downloads.map((d) => d.replacedBytes).filter((bytes) => bytes > 0);
  const twice = replaced.sort((a, b) => b - a).slice(0, concurrency);
  const bytes = Math.max(0, growth + twice.reduce((sum, size) => sum + inBlocks(size), 0));
  const inodes = downloads.length - replaced.length;
  return {
    bytes,
    inodes,
    assertFits({ root, freeBytes, freeInodes }) {
      const hint = 'Free some space, use a larger volume, or leave paths out with --exclude.';
      const fail = (rule: string): OperatorError => new OperatorError(`Cannot restore into ${root}: ${rule}`, { exitCode: EXIT.fatal, hint });
      if (bytes > freeBytes) throw fail(`it needs ${mebibytes(bytes)} more, ${mebibytes(freeBytes)} are free`);
      if (inodes > freeInodes) throw fail(`it needs ${inodes} more inodes, ${freeInodes} are free`);
    },
  };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
