// Pure. Which paths were written since they were last read, as far as events told: their marks know it too, but not to
// whoever finds the file under a new name.
import type { RelPath } from '../model/path.ts';

/** What the ledger says of the content of these paths may be old though every stat field is equal. */
export class UnreadWrites {
  readonly #heardMs = new Map<RelPath, number>();

  heard(path: RelPath, nowMs: number): void {
    this.#heardMs.set(path, nowMs);
  }

  /** What is stored was read after everything that had been heard until then; or there is nothing at the path any more. */
  published(path: RelPath, heardUntilMs: number): void {
    const heardMs = this.#heardMs.get(path);
    if (heardMs !== undefined && heardMs <= heardUntilMs) this.#heardMs.delete(path);
  }

  has(path: RelPath): boolean {
    return this.#heardMs.has(path);
  }
}
