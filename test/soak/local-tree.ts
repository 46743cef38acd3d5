// The tree that is changed, and what is known of how it was changed.
import { lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { operate } from '../support/tree-operations.ts';
import { pathsIn } from '../support/trees.ts';
import type { Step } from './scenario.ts';

export type Change = Extract<Step, { do: 'operate' | 'large' | 'burst' }>;

const LARGE_BYTES = 6_000_000;

export class LocalTree {
  readonly root: string;
  /** Files that have been the same file under the same name since `remember`, and how to tell. */
  #unbroken = new Map<string, string>();

  constructor(base: string) {
    this.root = join(base, 'data');
    mkdirSync(join(this.root, 'keep'), { recursive: true });
    mkdirSync(join(base, 'out'));
    // Never empty, and never without something that must not be deleted.
    for (const name of ['1', '2', '3']) writeFileSync(join(this.root, 'keep', name), name);
  }

  change(step: Change): void {
    if (step.do === 'operate') operate(this.root, step.operation);
    else this.#fill(step);
    const now = this.#identities();
    for (const [path, identity] of this.#unbroken) if (now.get(path) !== identity) this.#unbroken.delete(path);
  }

  /** From now on what stays is unbroken. */
  remember(): void {
    this.#unbroken = this.#identities();
  }

  /** Whether this has been the same file all the time since `remember`. */
  isUnbroken(path: string): boolean {
    return this.#unbroken.has(path);
  }

  /** How many there are, the root included. */
  directories(): number {
    return 1 + pathsIn(this.root).filter((path) => lstatSync(join(this.root, path)).isDirectory()).length;
  }

  #fill(step: Exclude<Change, { do: 'operate' }>): void {
    try {
      if (step.do === 'large') {
        const content = Buffer.alloc(LARGE_BYTES + step.extraBytes, `${step.at} ${step.extraBytes} `);
        writeFileSync(join(this.root, step.at), content);
        return;
      }
      const directory = join(this.root, step.at, 'burst');
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true });
      for (let at = 0; at < step.files; at++) writeFileSync(join(directory, `${at}`), `${step.at} ${at}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }

  /** What tells each file from any other that had its name. */
  #identities(): Map<string, string> {
    return new Map(
      pathsIn(this.root).map((path) => {
        const { ino, birthtimeNs } = lstatSync(join(this.root, path), { bigint: true });
        return [path, `${ino} ${birthtimeNs}`];
      }),
    );
  }
}
