// Pure. How a large object is cut into parts.

const MIB = 1024 ** 2;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MIN_PART_BYTES = 5 * MIB;
export const MAX_PARTS = 10_000;
export const MAX_OBJECT_BYTES = 5 * 1024 ** 4;

/** How an object is cut. Every part but the last has `partSizeBytes`; an empty object has one empty part. */
export interface PartPlan {
  readonly partSizeBytes: number;
  readonly parts: number;
}

/**
 * The parts of an object: of the wanted size, or of the smallest whole number of MiB that makes do with 10,000 parts.
 *
 * @throws {RangeError} above 5 TiB.
 */
export function partPlan(
  sizeBytes: number,
  options: {
    /** Wanted; grown where it is too small. */
    readonly partSizeBytes: number;
    /** Default: 5 MiB. */
    readonly minPartSizeBytes?: number;
  },
): PartPlan {
  if (sizeBytes > MAX_OBJECT_BYTES) {
    throw new RangeError(
      `Cannot plan parts: an object has at most ${MAX_OBJECT_BYTES} bytes, current value is ${sizeBytes}`,
    );
  }
  const wanted = Math.max(options.partSizeBytes, options.minPartSizeBytes ?? MIN_PART_BYTES);
  const grown = Math.ceil(Math.ceil(sizeBytes / MAX_PARTS) / MIB) * MIB;
  const partSizeBytes = wanted * MAX_PARTS >= sizeBytes ? wanted : grown;
  return { partSizeBytes, parts: Math.max(1, Math.ceil(sizeBytes / partSizeBytes)) };
}
