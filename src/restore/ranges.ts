// Pure. How a large object is cut into ranges, so that each lies in one part of its upload: parts have digests of their own.

export interface Range {
  readonly offset: number;
  readonly lengthBytes: number;
  /** The part of the upload it lies in, from 0. */
  readonly part: number;
  /** Whether the part begins and ends with it. */
  readonly begins: boolean;
  readonly ends: boolean;
}

/** In their order, from the first byte to the last. */
export function* rangesOf(
  sizeBytes: number,
  { partSizeBytes, rangeBytes }: { partSizeBytes: number; rangeBytes: number },
): Generator<Range> {
  for (let part = 0, start = 0; start < sizeBytes; part++, start += partSizeBytes) {
    const end = Math.min(start + partSizeBytes, sizeBytes);
    for (let offset = start; offset < end; offset += rangeBytes) {
      const lengthBytes = Math.min(rangeBytes, end - offset);
      yield { offset, lengthBytes, part, begins: offset === start, ends: offset + lengthBytes === end };
    }
  }
}
