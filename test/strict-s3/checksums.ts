import { createHash, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { XmlNode } from './xml.ts';

/** The algorithms of `x-amz-checksum-*`, in S3's spelling of the header. */
export const ALGORITHMS = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** `COMPOSITE` is the checksum of the parts' checksums, `FULL_OBJECT` that of all bytes. */
export type ChecksumType = 'COMPOSITE' | 'FULL_OBJECT';

/** A checksum in base64; a composite one ends in `-<number of parts>`. */
export interface Checksum {
  readonly algorithm: Algorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

/** Raw length of each checksum. */
export const LENGTH_BYTES: Readonly<Record<Algorithm, number>> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
};

/** The algorithm an `x-amz-checksum-algorithm` header names. */
export function parseAlgorithm(name: string): Algorithm | undefined {
  return ALGORITHMS.find((algorithm) => algorithm.toUpperCase() === name);
}

const CRC32C = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC32C[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** The reflected polynomial of CRC-64/NVME in two halves, because BigInt arithmetic per byte would be far too slow. */
const CRC64 = { high: new Uint32Array(256), low: new Uint32Array(256) };
for (let byte = 0; byte < 256; byte++) {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x9a6c9329ac4bc9b5n : crc >> 1n;
  CRC64.high[byte] = Number(crc >> 32n);
  CRC64.low[byte] = Number(crc & 0xffffffffn);
}

function crc64nvme(bytes: Buffer): Buffer {
  let high = 0xffffffff;
  let low = 0xffffffff;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ CRC64.low[index]!;
    high = (high >>> 8) ^ CRC64.high[index]!;
  }
  return Buffer.concat([uint32(~high >>> 0), uint32(~low >>> 0)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function digest(algorithm: Algorithm, bytes: Buffer): Buffer {
  switch (algorithm) {
    case 'crc32':
      return uint32(crc32(bytes));
    case 'crc32c':
      return uint32(crc32c(bytes));
    case 'crc64nvme':
      return crc64nvme(bytes);
    default:
      return createHash(algorithm).update(bytes).digest();
  }
}

/** The checksum of all bytes. */
export function checksumOf(algorithm: Algorithm, bytes: Buffer): Checksum {
  return { algorithm, type: 'FULL_OBJECT', value: digest(algorithm, bytes).toString('base64') };
}

/** The checksum of a multipart object from its parts' checksums. */
export function compositeOf(algorithm: Algorithm, parts: readonly string[]): Checksum {
  const joined = Buffer.concat(parts.map((value) => Buffer.from(value, 'base64')));
  const value = `${digest(algorithm, joined).toString('base64')}-${parts.length}`;
  return { algorithm, type: 'COMPOSITE', value };
}

/** Whether the text is base64 of exactly this many bytes. */
export function isBase64Of(text: string, lengthBytes: number): boolean {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === lengthBytes && bytes.toString('base64') === text;
}

/** MD5 in hex, which is what an ETag is made of. */
export function md5Hex(bytes: Buffer): string {
  return hash('md5', bytes, 'hex');
}

/** The headers that carry a checksum. */
export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** The elements that carry a checksum. */
export function checksumNodes(checksum: Checksum | undefined): XmlNode[] {
  if (checksum === undefined) return [];
  return [
    [`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value],
    ['ChecksumType', checksum.type],
  ];
}
