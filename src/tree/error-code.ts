// What a failed system call says.
import { constants } from 'node:os';

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(constants.errno).map(([name, no]) => [-no, name]));

/** The errno name of a system error, or its text. Node knows no names for some, ESTALE among them. */
export function codeOf(error: unknown): string {
  const { code, errno } = error as NodeJS.ErrnoException;
  return (errno !== undefined && NAMES.get(errno)) || (code ?? String(error));
}

/** Whether a system error says that there is no such file: the only errors that are evidence. */
export function isAbsence(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
