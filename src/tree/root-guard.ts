// Is the root still the root? Every delete rests on the answer.
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, statfsSync } from 'node:fs';
import type { RootIdentity } from '../ledger/ledger.ts';
import { codeOf } from './error-code.ts';

interface RunIdentity extends RootIdentity {
  readonly dev: bigint;
  /** Successive tmpfs mounts share device and inode numbers; the mount id tells them apart. */
  readonly mountId: string;
}

export interface RootGuardOptions {
  /** Told once why the root is broken. */
  readonly onBroken: (reason: string) => void;
  /** f_fsid of statfs(2) for an open directory, which Node hides; negative: it cannot be told. */
  readonly fileSystemId: (fd: number) => bigint;
}

/** Errors that tell of this process or machine, and nothing of the root. */
const OURS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * Remembers which directory the root was when the agent started. Once broken it stays broken for the life of the
 * process: a root that went away and came back may have lost files in between.
 */
export class RootGuard {
  readonly #given: string;
  readonly #resolved: string;
  readonly #o: RootGuardOptions;
  readonly #atStart: RunIdentity;
  #broken: string | undefined;

  /**
   * @param given the root as the user named it: possibly a symbolic link, which must go on pointing to the same place
   * @param resolved its real path
   * @throws the system error if it is not a readable directory
   */
  constructor(given: string, resolved: string, options: RootGuardOptions) {
    this.#given = given;
    this.#resolved = resolved;
    this.#o = options;
    this.#atStart = this.#identify();
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
    this.#o.onBroken(reason);
  }

  /** Broken for good; does not look. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** Why the root is not known to be the one we started with, or undefined while it is; looks at the disk. */
  check(): string | undefined {
    if (this.#broken !== undefined) return this.#broken;
    try {
      if (realpathSync(this.#given) !== this.#resolved) this.break('the symbolic link LOCAL points elsewhere now');
      else if (!sameRun(this.#identify(), this.#atStart)) this.break('another directory or mount took its place');
    } catch (error) {
      const code = codeOf(error);
      if (OURS.has(code)) return `nobody can look at it now (${code})`;
      this.break(`it cannot be read any more (${code})`);
    }
    return this.#broken;
  }

  #identify(): RunIdentity {
    const fd = openSync(this.#resolved, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const { ino, birthtimeNs, dev } = fstatSync(fd, { bigint: true });
      const { type } = statfsSync(this.#resolved, { bigint: true });
      const mountId = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '';
      return { ino, birthtimeNs, fsid: fsidOf(type, this.#o.fileSystemId(fd)), dev, mountId };
    } finally {
      closeSync(fd);
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

/**
 * Types whose f_fsid is made of a UUID that the file system keeps (tmpfs: one that each mount draws). Elsewhere (XFS,
 * F2FS...) it is made of the device's number, which changes when a volume is attached again.
 */
const WITH_OWN_ID: ReadonlySet<bigint> = new Set([
  0xef53n, // ext2, ext3, ext4: every root is inode 2, and without a birth time if inodes have 128 bytes
  0x9123683en, // Btrfs: every root is inode 256, and born in a whole second
  0x01021994n, // tmpfs
]);

/** Pure: what identifies a file system across mounts, from type and f_fsid of statfs(2). */
export function fsidOf(type: bigint, id: bigint): string {
  const name = BigInt.asUintN(32, type);
  return WITH_OWN_ID.has(name) && id > 0n ? `${name.toString(16)}:${id.toString(16)}` : name.toString(16);
}
