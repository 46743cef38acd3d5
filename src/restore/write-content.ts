// Content into its place in a new file.
import { ftruncate, write } from 'node:fs';
import { promisify } from 'node:util';
import { stretchesOf } from './stretches.ts';

const writeLater = promisify(write);
const truncateLater = promisify(ftruncate);

/** A new, empty file that is to hold so many bytes. */
export interface NewFile {
  readonly fd: number;
  readonly sizeBytes: number;
  /** Blocks of zeros are not written. */
  readonly isSparse: boolean;
}

/** To be called before anything is written. @throws the system error */
export async function beginContent({ fd, sizeBytes, isSparse }: NewFile): Promise<void> {
  // It reads as zeros as far as it reaches.
  if (isSparse) await truncateLater(fd, sizeBytes);
}

/** Writes all bytes from this position of the file on. @throws the system error */
export async function writeContent({ fd, isSparse }: NewFile, bytes: Buffer, position: number): Promise<void> {
  const stretches = isSparse ? stretchesOf(bytes) : [{ start: 0, end: bytes.length }];
  for (const { start, end } of stretches) {
    for (let done = start; done < end; ) {
      done += (await writeLater(fd, bytes, done, end - done, position + done)).bytesWritten;
    }
  }
}
