// LOCAL as a command finds it.
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { EXIT, OperatorError } from '../model/errors.ts';
import { codeOf } from '../tree/error-code.ts';
import { makeDirectory } from '../tree/make-directory.ts';

/** LOCAL, resolved. @throws OperatorError unless it is a directory that can be read */
export function openLocal(given: string, create: boolean): string {
  try {
    if (create) makeDirectory(given);
    const root = realpathSync(given);
    if (statSync(root).isDirectory()) {
      accessSync(root, constants.R_OK | constants.X_OK);
      return root;
    }
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' || code === 'ENOTDIR') throw notADirectory(given);
    const rule = code === 'ENOENT' ? 'there is no such directory' : `it cannot be read (${code})`;
    const hint =
      code === 'ENOENT' ? 'Check the path; if a volume should be mounted there, it is not.' : 'Check its permissions.';
    throw new OperatorError(`Cannot use LOCAL ${given}: ${rule}`, { exitCode: EXIT.fatal, hint, cause: error });
  }
  throw notADirectory(given);
}

function notADirectory(given: string): OperatorError {
  return new OperatorError(`Cannot use LOCAL ${given}: it is not a directory`, {
    exitCode: EXIT.fatal,
    hint: 'LOCAL is the directory to synchronise; single files cannot be.',
  });
}
