// Pure. What an ETag tells of an object's content, and by which part sizes to recompute it.
import { MAX_OBJECT_BYTES, partPlan } from './multipart-plan.ts';

/**
 * How an ETag was made.
 * - `md5`: of an object stored by one request: the MD5 of its bytes. With SSE-KMS or SSE-C it looks the same and is
 *   not: equality proves equal content, difference proves nothing where such encryption is possible.
 * - `multipart`: the MD5 of the parts' MD5s, and their number.
 * - `opaque`: anything else; only equality with itself means something.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export type EtagKind =
  | { readonly kind: 'md5' }
  | { readonly kind: 'multipart'; readonly parts: number }
  | { readonly kind: 'opaque' };

/** How this ETag, without quotes, was made. */
export function etagKind(etag: string): EtagKind {
  const [, parts] = /^[0-9a-f]{32}(?:-([1-9]\d{0,4}))?$/.exec(etag) ?? [undefined, 'none'];
  if (parts === undefined) return { kind: 'md5' };
  return parts === 'none' ? { kind: 'opaque' } : { kind: 'multipart', parts: Number(parts) };
}

const MIB = 1024 ** 2;

/**
 * Part sizes in use: ours and aws-cli 8, rclone 5, s3cmd 15, mc 16, s5cmd 50 MiB, and what people configure. The AWS
 * SDK for Java takes 5 MiB, boto3 8 MiB, Hadoop 64 and 128 MiB.
 */
const CUSTOMARY_MIB = [8, 5, 15, 16, 50, 10, 20, 25, 32, 64, 100, 128, 256, 512] as const;

/** Part sizes that cut an object of this size into so many parts, the likeliest first; none if no customary one does. */
export function plausiblePartSizes(sizeBytes: number, parts: number): number[] {
  if (sizeBytes > MAX_OBJECT_BYTES) return [];
  // One part holds everything, whatever size was meant.
  if (parts === 1) return [Math.max(1, sizeBytes)];
  const grown = CUSTOMARY_MIB.map((mib) => partPlan(sizeBytes, { partSizeBytes: mib * MIB }).partSizeBytes);
  // aws-cli doubles its part size instead.
  let doubled = 8 * MIB;
  while (doubled * 10_000 < sizeBytes) doubled *= 2;
  const sizes = new Set([...grown, doubled]);
  return [...sizes].filter((size) => Math.ceil(sizeBytes / size) === parts);
}

/**
 * By which part sizes content must be hashed to be compared with this ETag: null stands for one plain MD5. Empty if no
 * comparison is possible.
 */
export function comparableBy(etag: string, sizeBytes: number): readonly (number | null)[] {
  const how = etagKind(etag);
  if (how.kind === 'md5') return [null];
  return how.kind === 'multipart' ? plausiblePartSizes(sizeBytes, how.parts) : [];
}
