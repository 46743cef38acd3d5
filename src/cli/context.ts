// What every command gets from main besides its config: the edges of the process, as parameters.

import type { CommandConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import type { Command } from '../config/option.ts';
import type { OnSignal } from '../fleet/signals.ts';
import type { Trouble } from '../ops/activity.ts';
import type { AgentHost } from '../ops/control.ts';
import type { Log } from '../ops/log.ts';
import type { Ring } from '../ops/ring.ts';
import type { Screen } from '../ops/screen.ts';

/** The edges of the process. */
export interface CommandContext {
  readonly env: Environment;
  readonly log: Log;
  /** Blots out the secrets that are known. */
  readonly redact: (text: string) => string;
  /** Makes a secret known. */
  readonly conceal: (secret: string) => void;
  /** Its last warnings and errors. */
  readonly troubles: Ring<Trouble>;
  /** A log of one directory of several, and its last warnings and errors. */
  readonly logOf: (directory: string) => Pick<CommandContext, 'log' | 'troubles'>;
  /** Who shows the agent to the outside. Default: it does so itself. */
  readonly host?: AgentHost;
  /** Writes the result; nothing else goes to standard output. */
  readonly stdout: (text: string) => void;
  /** Where the log is written, and a progress bar may be shown. */
  readonly screen: Screen;
  /** Whether a person at a terminal sees standard error, and wants to see how far a command has come. */
  readonly interactive: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Of this program. */
  readonly version: string;
  /** Of which it was built, if that is known. */
  readonly commit: string | null;
  /** The effective user. */
  readonly uid: number;
  /** The working directory. */
  readonly cwd: string;
  /**
   * Takes over these signals and returns the way to give them back. Until then SIGTERM, SIGINT and SIGHUP end the
   * process at once, also as PID 1, where the kernel would ignore them.
   */
  readonly onSignal: OnSignal;
  /** Ends the process at once with 128 + n, as a second signal does. */
  readonly dieOf: (signal: NodeJS.Signals) => never;
}

/** A command: runs to its end and resolves to an ExitCode, or in `run` to its program's code. */
export type CommandFunction<C extends Command> = (config: CommandConfig<C>, context: CommandContext) => Promise<number>;
