// inotify(7), typed. Names and values are the kernel's own.
import { getSystemErrorName } from 'node:util';
import { EXIT, OperatorError } from '../model/errors.ts';
import { type Handle, loadAddon } from '../native/addon.ts';

export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_OPEN = 0x20;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_UNMOUNT = 0x2000;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ONLYDIR = 0x1000000;
export const IN_DONT_FOLLOW = 0x2000000;
export const IN_EXCL_UNLINK = 0x4000000;
export const IN_ISDIR = 0x40000000;

/** One `struct inotify_event`. */
export interface InotifyEvent {
  /** The watch it came from; -1 for IN_Q_OVERFLOW. */
  readonly wd: number;
  readonly mask: number;
  /** Equal in the two halves of a rename, else 0. */
  readonly cookie: number;
  /** The entry of the watched directory, one character per byte; '' for the directory itself. */
  readonly name: string;
}

/** An inotify instance. */
export interface Inotify {
  /**
   * inotify_add_watch(2): the watch descriptor of whatever inode is at `path`, the same as before if it has one.
   * @throws InotifyError
   */
  addWatch(path: Buffer, mask: number): number;
  /** inotify_rm_watch(2). A descriptor the kernel has dropped already (EINVAL) is no error: its IN_IGNORED is on the way. */
  rmWatch(wd: number): void;
  /** Resolves when every event that is in the kernel's queue now has been handled. Rejects if closed before. */
  barrier(): Promise<void>;
  /** Whether this instance keeps the event loop alive; it does until told otherwise or closed. */
  setRef(keepsLoopAlive: boolean): void;
  /** Ends the reader thread, closes the descriptors. Idempotent. */
  close(): void;
}

/** Receives the events of one batch, in the kernel's order. */
export type EventHandler = (events: readonly InotifyEvent[]) => void;

/** Opens an instance; what a test replaces to inject events. */
export type OpenInotify = (onEvents: EventHandler) => Inotify;

/** A refused system call. */
export class InotifyError extends Error {
  override readonly name = 'InotifyError';
  /** ENOSPC: the watch limit (not the disk); ENOENT, ENOTDIR, EACCES... as for open(2). */
  readonly code: string;

  constructor(syscall: string, negativeErrno: number) {
    const code = getSystemErrorName(negativeErrno);
    super(`${syscall}: ${code}`);
    this.code = code;
  }
}

/**
 * Opens an inotify instance with a reader thread of its own.
 * @param onEvents called with each batch; an exception it throws is uncaught
 * @param limitBytes events waiting for JavaScript that may be held before they are dropped as an overflow, default 64 MiB
 * @throws OperatorError if the machine grants no further instance
 */
export function openInotify(onEvents: EventHandler, limitBytes?: number): Inotify {
  return new NativeInotify(onEvents, limitBytes);
}

interface Waiter {
  readonly token: number;
  resolve(): void;
  reject(reason: Error): void;
}

class NativeInotify implements Inotify {
  readonly #addon = loadAddon();
  readonly #handle: Handle;
  #waiters: Waiter[] = [];

  constructor(onEvents: EventHandler, limitBytes: number | undefined) {
    const onBatch = (bytes: ArrayBuffer, token: number) => {
      onEvents(decodeEvents(bytes));
      this.#tokenReached(token);
    };
    const handle = limitBytes === undefined ? this.#addon.init(onBatch) : this.#addon.init(onBatch, limitBytes);
    if (typeof handle === 'number') throw instanceError(new InotifyError('inotify_init1', handle));
    this.#handle = handle;
  }

  addWatch(path: Buffer, mask: number): number {
    const wd = this.#addon.addWatch(this.#handle, path, mask);
    if (wd < 0) throw new InotifyError('inotify_add_watch', wd);
    return wd;
  }

  rmWatch(wd: number): void {
    this.#addon.rmWatch(this.#handle, wd);
  }

  barrier(): Promise<void> {
    const token = this.#addon.requestToken(this.#handle);
    return new Promise((resolve, reject) => this.#waiters.push({ token, resolve, reject }));
  }

  setRef(keepsLoopAlive: boolean): void {
    this.#addon.setRef(this.#handle, keepsLoopAlive);
  }

  close(): void {
    this.#addon.close(this.#handle);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(new Error('Cannot wait for events: watching has ended'));
  }

  /** Tokens are handed out in order, so those reached are a prefix. */
  #tokenReached(token: number): void {
    while (this.#waiters[0] !== undefined && this.#waiters[0].token <= token) this.#waiters.shift()?.resolve();
  }
}

function instanceError(cause: InotifyError): OperatorError {
  const hint =
    cause.code === 'EMFILE'
      ? 'raise the limit, e.g. `sysctl fs.inotify.max_user_instances=1024`, or ulimit -n'
      : undefined;
  const message = `Cannot watch: the system grants no inotify instance (${cause.code})`;
  return new OperatorError(message, { exitCode: EXIT.fatal, cause, ...(hint !== undefined && { hint }) });
}

/** Bytes of `struct inotify_event` before the name: wd, mask, cookie, len. */
const HEADER_BYTES = 16;

const OVERFLOW: InotifyEvent = { wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' };

/**
 * The events in a batch as the kernel wrote it: host byte order, names padded with NUL so that headers stay aligned.
 * What does not read as events is an overflow: something was told, and nobody knows what.
 */
export function decodeEvents(batch: ArrayBuffer): InotifyEvent[] {
  const wholeWords = Math.floor(batch.byteLength / 4);
  const wds = new Int32Array(batch, 0, wholeWords);
  const words = new Uint32Array(batch, 0, wholeWords);
  const bytes = Buffer.from(batch);
  const events: InotifyEvent[] = [];
  for (let at = 0; at < batch.byteLength; ) {
    const word = at / 4;
    const nameAt = at + HEADER_BYTES;
    at = nameAt + (words[word + 3] ?? Number.POSITIVE_INFINITY);
    if (at > batch.byteLength || at % 4 !== 0) return [...events, OVERFLOW];
    const nul = bytes.subarray(0, at).indexOf(0, nameAt);
    const name = bytes.toString('latin1', nameAt, nul < 0 ? at : nul);
    events.push({ wd: wds[word]!, mask: words[word + 1]!, cookie: words[word + 2]!, name });
  }
  return events;
}
