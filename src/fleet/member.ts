// One directory of several: an agent of its own, which is started anew when it has failed.
import type { DirectoryConfig } from '../config/config-file.ts';
import { showS3Url } from '../config/location.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import type { AgentHost, ControlledAgent } from '../ops/control.ts';
import type { Failure, FleetDirectory } from '../ops/fleet-control.ts';
import type { Log } from '../ops/log.ts';
import { type OnSignal, SignalBox } from './signals.ts';

/** What an agent gets that is one of several. */
export interface MemberEdges {
  readonly onSignal: OnSignal;
  readonly host: AgentHost;
}

/** Runs one agent to its end. @returns its exit code */
export type StartAgent = (directory: DirectoryConfig, edges: MemberEdges) => Promise<number>;

export interface MemberOptions {
  readonly start: StartAgent;
  /** Of this directory. */
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves after so many milliseconds. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Something is another thing than before. */
  readonly onChange: () => void;
}

/** After the first failure; each that follows has twice as long a pause. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Whoever worked for so long begins with the first pause again. */
const LONG_MS = 60_000;

/** How an agent ended, and what there is to say of it. */
interface Ending {
  readonly exitCode: number;
  readonly reason: string;
  readonly hint?: string | undefined;
}

/** It starts at once. */
export class Member {
  readonly directory: DirectoryConfig;
  /** Its last exit code, once it was told to end and has. */
  readonly ended: Promise<number>;
  readonly #options: MemberOptions;
  /** Of the agent that lives now. */
  #signals = new SignalBox();
  readonly #told = Promise.withResolvers<void>();
  #isTold = false;
  #agent: ControlledAgent | undefined;
  #failure: Failure | null = null;
  #failures = 0;

  constructor(directory: DirectoryConfig, options: MemberOptions) {
    this.directory = directory;
    this.#options = options;
    this.ended = this.#live();
  }

  /** As it is now. */
  get state(): FleetDirectory {
    const { name, config } = this.directory;
    return {
      ...{ name, local: config.local, remote: showS3Url(config.remote) },
      ...{ agent: this.#agent, failure: this.#failure, failures: this.#failures, isEnding: this.#isTold },
    };
  }

  /** As this signal tells an agent that is alone. Only the first call does anything. */
  tellToEnd(signal: NodeJS.Signals): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#told.resolve();
    this.#signals.send(signal);
  }

  async #live(): Promise<number> {
    const { log, now, sleep, onChange } = this.#options;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const startMs = now();
      const { exitCode, ...why } = await this.#attempt();
      this.#agent = undefined;
      if (this.#isTold) {
        if (exitCode !== EXIT.ok) log.error('this directory did not end in order', { ...why, exitCode });
        return exitCode;
      }
      if (now() - startMs >= LONG_MS) pauseMs = FIRST_PAUSE_MS;
      this.#failure = { reason: why.reason, at: new Date(now()).toISOString() };
      this.#failures++;
      log.error('this directory is not kept: it is tried again', { ...why, exitCode, inMs: pauseMs });
      onChange();
      await Promise.race([sleep(pauseMs), this.#told.promise]);
      if (this.#isTold) return exitCode;
    }
  }

  /** One life of its agent. */
  async #attempt(): Promise<Ending> {
    const { start, log, onChange } = this.#options;
    this.#signals = new SignalBox();
    const host: AgentHost = {
      opened: (agent) => {
        this.#agent = agent;
      },
      changed: () => {
        if (this.#agent?.status().state === 'watching') this.#failure = null;
        onChange();
      },
    };
    try {
      const directory = this.#failures === 0 ? this.directory : withoutSteal(this.directory);
      const exitCode = await start(directory, { onSignal: this.#signals.on, host });
      return { exitCode, reason: `it ended with exit code ${exitCode}` };
    } catch (error) {
      const { message: reason, hint, stack } = error as Error & { readonly hint?: string };
      if (error instanceof OperatorError) return { exitCode: error.exitCode, reason, hint };
      log.debug('thrown', { stack });
      return { exitCode: EXIT.fatal, reason, hint };
    }
  }
}

/** Who held the lease at the start was known to be dead. Who has taken it since is not, and would take it back. */
function withoutSteal(directory: DirectoryConfig): DirectoryConfig {
  return { ...directory, config: { ...directory.config, leaseSteal: false } } as DirectoryConfig;
}
