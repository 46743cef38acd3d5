// A program that watches the directory it is given. Each line it reads makes it settle and print what it knows then.

import { argv, stdin, stdout } from 'node:process';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { Mirror } from './mirror.ts';

/** What it prints, one line of JSON each time; the first when it watches. */
export interface WatchReport {
  readonly equal: boolean;
  readonly watches: number;
  readonly unwatched: number;
  readonly overflows: number;
  readonly warnings: readonly string[];
}

const mirror = new Mirror(argv[2]!);

function report(): void {
  const equal = isDeepStrictEqual(mirror.known, mirror.actual());
  const line: WatchReport = { equal, ...mirror.watch.counts(), warnings: mirror.warnings };
  stdout.write(`${JSON.stringify(line)}\n`);
}

report();
for await (const _line of createInterface(stdin)) {
  await mirror.settle();
  report();
}
mirror.watch.close();
