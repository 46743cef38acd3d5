// What an addon must be built for.
import { closeSync, openSync, readSync } from 'node:fs';

/** Where a program names its dynamic loader, first of all. */
const HEAD_BYTES = 4096;

/** This machine, as the addons of a release are named: linux-x64-glibc. */
export function machineName(): string {
  return `${process.platform}-${process.arch}-${usesMusl() ? 'musl' : 'glibc'}`;
}

/** Whether it is the C library of Alpine that this Node runs on: not what is installed decides, but which loader it has. */
function usesMusl(): boolean {
  const program = openSync(process.execPath, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    readSync(program, head);
    return head.includes('/ld-musl-');
  } finally {
    closeSync(program);
  }
}
