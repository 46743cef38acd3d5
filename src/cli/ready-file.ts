// The marker that says: the restore is complete.
import { rmSync, writeFileSync } from 'node:fs';
import { EXIT, OperatorError } from '../model/errors.ts';

/** --ready-file; without one nothing is done. */
export class ReadyFile {
  readonly #path: string | undefined;

  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Removes a stale one. @throws OperatorError */
  remove(): void {
    this.#attempt('remove', (path) => rmSync(path, { force: true }));
  }

  /** @throws OperatorError */
  create(): void {
    this.#attempt('create', (path) => writeFileSync(path, ''));
  }

  #attempt(action: string, change: (path: string) => void): void {
    if (this.#path === undefined) return;
    try {
      change(this.#path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new OperatorError(`Cannot ${action} the ready file ${this.#path}: ${code}`, {
        exitCode: EXIT.fatal,
        hint: 'Check that its directory is writable, or name another place with --ready-file.',
        cause: error,
      });
    }
  }
}
