// Is the root still the root? Every delete rests on the answer.
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import type { RootIdentity } from '../ledger/ledger.ts';

interface RunIdentity extends RootIdentity {
  readonly dev: bigint;
  /** Successive tmpfs mounts share device and inode numbers; the mount id tells them apart. */
  readonly mountId: string;
}

/**
 * Remembers which directory the root was when the agent started. Once broken it stays broken for the life of the
 * process: a root that went away and came back may have lost files in between.
 */
export class RootGuard {
  readonly #given: string;
  readonly #resolved: string;
  readonly #atStart: RunIdentity;
  readonly #onBroken: (reason: string) => void;
  #broken: string | undefined;

  /**
   * @param given the root as the user named it: possibly a symbolic link, which must go on pointing to the same place
   * @param resolved its real path
   * @param options `onBroken` is told once
   * @throws the system error if it is not a readable directory
   */
  constructor(given: string, resolved: string, options: { readonly onBroken: (reason: string) => void }) {
    this.#given = given;
    this.#resolved = resolved;
    this.#onBroken = options.onBroken;
    this.#atStart = identify(resolved);
  }

  /** The identity that stays the same when a volume is attached again: what a ledger is bound to. */
  get identity(): RootIdentity {
    const { ino, birthtimeNs, fsid } = this.#atStart;
    return { ino, birthtimeNs, fsid };
  }

  /** Records that an event proved the root broken. */
  break(reason: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = reason;
    this.#onBroken(reason);
  }

  /** Why the root is not the one we started with, or undefined while it is; looks at the disk. */
  check(): string | undefined {
    if (this.#broken === undefined) {
      const reason = this.#look();
      if (reason !== undefined) this.break(reason);
    }
    return this.#broken;
  }

  #look(): string | undefined {
    try {
      if (realpathSync(this.#given) !== this.#resolved) return 'the symbolic link LOCAL points elsewhere now';
      return sameRun(identify(this.#resolved), this.#atStart) ? undefined : 'another directory or mount took its place';
    } catch (error) {
      return `it cannot be read any more (${(error as NodeJS.ErrnoException).code ?? error})`;
    }
  }
}

/** Whether a ledger written for `then` describes the root `now`. */
export function sameRoot(now: RootIdentity, then: RootIdentity): boolean {
  return now.ino === then.ino && now.birthtimeNs === then.birthtimeNs && now.fsid === then.fsid;
}

function sameRun(a: RunIdentity, b: RunIdentity): boolean {
  return sameRoot(a, b) && a.dev === b.dev && a.mountId === b.mountId;
}

function identify(root: string): RunIdentity {
  const fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const stats = fstatSync(fd, { bigint: true });
    const mountId = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '';
    return { ino: stats.ino, birthtimeNs: stats.birthtimeNs, fsid: fileSystemId(root), dev: stats.dev, mountId };
  } finally {
    closeSync(fd);
  }
}

/** Node hides statfs(2)'s f_fsid; the file system's type stands in for it, beside inode and birth time. */
function fileSystemId(root: string): string {
  return statfsSync(root, { bigint: true }).type.toString(16);
}
