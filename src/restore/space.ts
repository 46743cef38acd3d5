// Pure. Does it fit?

/** One object to be downloaded, and the local file it replaces; 0 if none. */
export interface Download {
  readonly sizeBytes: number;
  readonly replacedBytes: number;
}

export interface FreeSpace {
  readonly bytes: number;
  readonly inodes: number;
  /** The file system rounds every file up to this. */
  readonly blockBytes: number;
}

/**
 * What is missing for these downloads, as a rule that is broken; undefined if they fit. A file is replaced when its
 * successor is complete, so the largest of the `concurrency` files in work at once need room twice.
 */
export function spaceShortage(
  downloads: readonly Download[],
  { free, concurrency }: { free: FreeSpace; concurrency: number },
): string | undefined {
  const inBlocks = (bytes: number): number => Math.ceil(bytes / free.blockBytes) * free.blockBytes;
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + inBlocks(size), 0);
  const replaced = downloads.map((download) => download.replacedBytes).filter((bytes) => bytes > 0);
  const twice = replaced.toSorted((a, b) => b - a).slice(0, concurrency);
  const bytes = sum(downloads.map((download) => download.sizeBytes)) - sum(replaced) + sum(twice);
  if (bytes > free.bytes) return `it needs ${mebibytes(bytes)} more, ${mebibytes(free.bytes)} are free`;
  const inodes = downloads.length - replaced.length;
  return inodes > free.inodes ? `it needs ${inodes} more inodes, ${free.inodes} are free` : undefined;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
