// How systemd is told how an agent is: ready, alive, ending. See sd_notify(3) and sd_watchdog_enabled(3).
import { loadAddon } from '../native/addon.ts';
import type { AgentStatus } from './control.ts';
import type { Log } from './log.ts';

/** What it is told of. */
export type NotifiedStatus = Pick<AgentStatus, 'state' | 'dirty' | 'oldestDirtySeconds' | 'rootBroken'> &
  Readonly<Record<'problems' | 'heldDeletes', { readonly count: number }>>;

/** How a service manager says that it wants to be told. */
type Environment = Readonly<Record<string, string | undefined>>;

export interface ServiceManagerOptions {
  readonly env: Environment;
  /** Of this process. */
  readonly pid: number;
  readonly log: Log;
  readonly status: () => NotifiedStatus;
  /** Calls back once, after so many milliseconds; returns the way not to. */
  readonly timer: (callback: () => void, ms: number) => () => void;
}

/** One that wants to be told. */
export interface ServiceManager {
  /** Tells it at once; it is told from time to time anyway. */
  tell(): void;
  close(): void;
}

/** The status is told this often at least, if it changed. */
const STATUS_MS = 10_000;

const VARIABLES: readonly string[] = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

/** The environment of a program that is started: what it says of itself is not said of us. */
export function withoutServiceManager(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !VARIABLES.includes(name)));
}

/** Tells the service manager that started us how we are, from now on; undefined: none has asked. */
export function openServiceManager(options: ServiceManagerOptions): ServiceManager | undefined {
  const socket = options.env['NOTIFY_SOCKET'];
  return socket ? new Notifier(socket, options) : undefined;
}

class Notifier implements ServiceManager {
  readonly #socket: Buffer;
  readonly #options: ServiceManagerOptions;
  readonly #watchdogMs: number | undefined;
  /** What arrived last. */
  #told = '';
  #hasWarned = false;
  #cancel: () => void = () => {};

  constructor(socket: string, options: ServiceManagerOptions) {
    this.#socket = Buffer.from(socket);
    this.#options = options;
    this.#watchdogMs = watchdogMs(options);
    this.#beat();
  }

  tell(): void {
    const text = notification(this.#options.status());
    if (text === this.#told && this.#watchdogMs === undefined) return;
    const all = this.#watchdogMs === undefined ? text : `${text}\nWATCHDOG=1`;
    const status = loadAddon().sendDatagram(this.#socket, Buffer.from(all));
    if (status === 0) {
      this.#told = text;
    } else if (!this.#hasWarned) {
      // All of it is said again with the next beat.
      this.#hasWarned = true;
      this.#options.log.warn('cannot tell the service manager', { socket: this.#socket.toString(), errno: -status });
    }
  }

  close(): void {
    this.#cancel();
  }

  /** From the event loop: where that is stuck, nothing is told and the watchdog ends us. */
  #beat(): void {
    this.tell();
    const intervalMs = Math.min(STATUS_MS, (this.#watchdogMs ?? Number.POSITIVE_INFINITY) / 2);
    this.#cancel = this.#options.timer(() => this.#beat(), intervalMs);
  }
}

/** How long it waits for a sign of life of this process; undefined: it does not. */
function watchdogMs({ env, pid }: ServiceManagerOptions): number | undefined {
  const ms = Number(env['WATCHDOG_USEC'] ?? '') / 1_000;
  const isForUs = [undefined, '', String(pid)].includes(env['WATCHDOG_PID']);
  return isForUs && ms > 0 ? ms : undefined;
}

/**
 * The whole of what is to be known: said again it does no harm, so that nothing hangs on one datagram.
 *
 * @returns the lines of an agent that is
 *
 * | | |
 * |---|---|
 * | starting | STATUS |
 * | watching | READY=1, STATUS |
 * | ending | STOPPING=1, STATUS |
 */
export function notification(status: NotifiedStatus): string {
  const { state, dirty, oldestDirtySeconds, problems, heldDeletes, rootBroken } = status;
  if (state === 'starting') return 'STATUS=Restoring or listing';
  const facts = [
    dirty > 0 && `${dirty} to store, the oldest for ${Math.round(oldestDirtySeconds ?? 0)} s`,
    problems.count > 0 && `${problems.count} with problems`,
    heldDeletes.count > 0 && `${heldDeletes.count} deletes held`,
    rootBroken !== null && 'nothing is deleted: LOCAL is not what it was',
  ].filter((fact) => fact !== false);
  const text = facts.length === 0 ? 'in sync' : facts.join('; ');
  return state === 'ending' ? `STOPPING=1\nSTATUS=Ending: ${text}` : `READY=1\nSTATUS=Watching: ${text}`;
}
