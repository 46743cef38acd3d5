// Pure. What a row of the option table says, and the commands that have rows.
import type { Kind } from './kinds.ts';

/** The commands that work on LOCAL and S3. */
export const WORK_COMMANDS = ['run', 'restore', 'watch', 'sync', 'verify'] as const;

/** Of them, those that write to S3; verify with --repair. */
export const WRITERS = ['run', 'watch', 'sync', 'verify'] as const;

/** Of them, those that go on until they are told to end. */
export const AGENTS = ['run', 'watch'] as const;

/** The commands that keep the directories of a file. */
export const FLEET_COMMANDS = ['agent'] as const;

/** The commands that go on until they are told to end. */
export const LONG_COMMANDS = [...AGENTS, ...FLEET_COMMANDS] as const;

/** Of those that work on LOCAL, the ones that end when their work is done. */
export const ONE_SHOT = ['restore', 'sync', 'verify'] as const;

/** The commands that ask or steer a running agent. */
export const CONTROL_COMMANDS = ['status', 'flush', 'approve-deletes'] as const;

/** The commands that only look at S3. */
export const REMOTE_COMMANDS = ['checkpoints'] as const;

/** The commands that find out whether others will work. */
export const CHECK_COMMANDS = ['doctor'] as const;

/** The commands that look at both sides. */
export const LOCAL_COMMANDS = [...WORK_COMMANDS, ...CHECK_COMMANDS] as const;

/** Of them, those that store objects. */
export const STORERS = [...WRITERS, ...CHECK_COMMANDS] as const;

/** The commands that talk to S3. */
export const S3_COMMANDS = [...WORK_COMMANDS, ...REMOTE_COMMANDS, ...CHECK_COMMANDS] as const;

/** The commands, in the order help lists them. */
export const COMMANDS = [...S3_COMMANDS, ...FLEET_COMMANDS, ...CONTROL_COMMANDS] as const;

export type WorkCommand = (typeof WORK_COMMANDS)[number];
export type ControlCommand = (typeof CONTROL_COMMANDS)[number];
export type RemoteCommand = (typeof REMOTE_COMMANDS)[number];
export type CheckCommand = (typeof CHECK_COMMANDS)[number];
export type FleetCommand = (typeof FLEET_COMMANDS)[number];
export type AgentCommand = (typeof AGENTS)[number];
export type Command = WorkCommand | RemoteCommand | CheckCommand | FleetCommand | ControlCommand;

/** Whether the command talks to an agent instead of S3. */
export function isControl(command: Command): command is ControlCommand {
  return CONTROL_COMMANDS.some((control) => control === command);
}

/** Whether the command needs nothing on this machine. */
export function isRemote(command: Command): command is RemoteCommand {
  return REMOTE_COMMANDS.some((remote) => remote === command);
}

/** Whether the command finds both sides in a file. */
export function isFleet(command: Command): command is FleetCommand {
  return FLEET_COMMANDS.some((fleet) => fleet === command);
}

/** The headings of help and REFERENCE.md, in their order. */
export const GROUPS = [
  'What is synchronised',
  'Restore',
  'Timing',
  'S3',
  'Objects',
  'Deletes',
  'State and process',
  'Output',
] as const;

/** One row of the table. `T` is what the kind reads, `D` the default, `C` the commands that know the option. */
export interface Option<T, D extends T | undefined, C extends Command> {
  /** The name after '--'; the environment's name derives from it. */
  readonly flag: string;
  readonly kind: Kind<T>;
  readonly default: D;
  /** What help says instead of the default's own text. */
  readonly defaultText?: string;
  /** It may be given several times, each adds to the value; its variable holds several separated by '|'. */
  readonly repeats?: T extends readonly unknown[] ? true : never;
  /** Other flags that stand for this one with a value. */
  readonly shorthands?: Readonly<Record<string, string>>;
  readonly commands: readonly C[];
  readonly group: (typeof GROUPS)[number];
  /** One sentence or two, without a full stop at the end. */
  readonly help: string;
}

/** A row, with its types as they are written. */
export function option<T, const D extends T | undefined, const C extends Command>(
  row: Option<T, D, C>,
): Option<T, D, C> {
  return row;
}
