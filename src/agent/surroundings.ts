// What a command takes from the process.
import type { Log } from '../ops/log.ts';

/** The process, as commands see it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Told of secrets: they are not to be printed. */
  readonly conceal?: (secret: string) => void;
  /** Of this program. */
  readonly version: string;
  /** The effective user. */
  readonly uid: number;
  /** The working directory. */
  readonly cwd: string;
}
