// Extended attributes of what is on disk.
import { getSystemErrorMessage } from 'node:util';
import { NO_XATTRS, type Xattrs, xattrsOf } from '../model/xattrs.ts';
import { loadAddon } from '../native/addon.ts';
import { codeOf } from './error-code.ts';

/**
 * Those that belong to a file or directory; none on a file system that has none.
 * @param target a descriptor, or an absolute path whose last name is not followed
 * @throws the system error
 */
export function readXattrs(target: number | Buffer): Xattrs {
  const answer = loadAddon().readXattrs(target);
  if (typeof answer !== 'number') return xattrsOf(answer);
  if (answer === 0) return NO_XATTRS;
  const syscall = 'getxattr';
  throw Object.assign(new Error(`${getSystemErrorMessage(answer)}, ${syscall}`), {
    ...{ errno: answer, syscall, code: codeOf({ errno: answer, syscall }) },
  });
}
