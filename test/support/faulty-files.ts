// A disk that fails, for a CLI: see native/faulty-files.c.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('native/faulty-files.c', import.meta.url));

export interface FaultyFiles {
  /** What the process is to be started with. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on these calls fail, on these paths and beneath; nothing else does. */
  fail(...faults: { call: 'stat' | 'list' | 'open' | 'read'; code: 'EIO' | 'ESTALE' | 'EACCES'; path: string }[]): void;
}

/** Compiles what is to be preloaded into `dir`. */
export function faultyFiles(dir: string): FaultyFiles {
  const [library, list] = [join(dir, 'faulty-files.so'), join(dir, 'faults')];
  execFileSync('cc', ['-O1', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', '-o', library, SOURCE, '-ldl']);
  const fail: FaultyFiles['fail'] = (...faults) =>
    writeFileSync(list, faults.map(({ call, code, path }) => `${call} ${constants.errno[code]} ${path}\n`).join(''));
  fail();
  return { env: { LD_PRELOAD: library, FAULTY_FILES: list }, fail };
}
