// Pure. The command line and the environment become one typed command.
import type { FilterRule, SnapshotHook } from '../filter/path-filter.ts';
import { UsageError } from '../model/errors.ts';
import { type Argument, type CommandLine, tokenize } from './command-line.ts';
import { checkVariableNames, type Environment, variable } from './environment.ts';
import { commandHelp, programHelp, usageOf } from './help.ts';
import type { Kind } from './kinds.ts';
import { isImplicitWatch, type LegacyFilters, legacyFilters, oneOffCommand } from './legacy.ts';
import { isS3Url } from './location.ts';
import {
  COMMANDS,
  type Command,
  type ControlCommand,
  type FleetCommand,
  isControl,
  isFleet,
  isRemote,
  type RemoteCommand,
} from './option.ts';
import { environmentName, GLOB_OPTIONS, OPTION_ROWS, type OptionValues, REPEATABLE_OPTIONS } from './options.ts';
import { checkHooks, checkTogether, commandGraceMs, type SomeValues } from './rules.ts';
import { SNAPSHOT_HOOK_OPTION } from './snapshot-options.ts';
import { nearest } from './suggest.ts';
import { type Address, type RemoteSide, readAddress, readRemote, readTarget, type Target } from './target.ts';

/** Everything a command is told: its options by name, and what it works on. */
export type CommandConfig<C extends Command> = OptionValues<C> &
  (C extends ControlCommand
    ? Address
    : C extends RemoteCommand
      ? RemoteSide
      : C extends FleetCommand
        ? { readonly config: string }
        : Work<C>);

/** What the URL of a restore names: without a final '/' it may be either. */
export type Names = 'prefix' | 'object' | 'either';

/** Both sides and the filters. `program` is what follows `--`. */
type Work<C extends Command> = Target &
  LegacyFilters & { readonly rules: readonly FilterRule[] } & (C extends 'run'
    ? { readonly program: readonly string[] | undefined }
    : unknown) &
  (C extends 'restore' ? { readonly names: Names } : { readonly snapshotHooks: readonly SnapshotHook[] });

/** What the command line asks for. */
export type ParsedCommand =
  | { readonly command: 'help'; readonly text: string }
  | { readonly command: 'version' }
  | { [C in Command]: { readonly command: C; readonly config: CommandConfig<C> } }[Command];

/** Whether errors are to be told in JSON, however wrong the command line is otherwise. */
export function asksForJson(argv: readonly string[], env: Environment): boolean {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const at = own.findLastIndex((word) => /^--log-format(=|$)/.test(word));
  const format = at < 0 ? env['AWSSYNCER_LOG_FORMAT'] : (own[at]!.split('=')[1] ?? own[at + 1]);
  return format === 'json';
}

/** What the container's one-off entrypoint calls; it takes everything from the environment. */
const ONE_OFF = 'oneoffcopy';

/**
 * Reads a whole command line.
 *
 * @param argv the arguments after the program's name
 * @param env the environment; flags win over it
 * @throws UsageError for everything that is wrong, the first thing first
 */
export function parseCommandLine(argv: readonly string[], env: Environment): ParsedCommand {
  if (argv.length === 1 && argv[0] === ONE_OFF) return parseOneOff(env);
  const line = tokenize(isImplicitWatch(argv, env) ? ['watch'] : argv);
  const [word, ...operands] = line.operands;
  if (line.wants === 'version') return { command: 'version' };
  if (word === 'help' || (word === undefined && line.wants === 'help')) {
    return {
      command: 'help',
      text: operands[0] === undefined ? programHelp() : commandHelp(commandNamed(operands[0])),
    };
  }
  const command = commandNamed(word);
  if (line.wants === 'help') return { command: 'help', text: commandHelp(command) };
  checkVariableNames(env);
  // The compiler cannot follow a table.
  return { command, config: readConfig(command, { ...line, operands }, env) } as ParsedCommand;
}

/**
 * Reads what one command is told.
 *
 * @param line without the command itself among its operands
 * @throws UsageError for everything that is wrong, the first thing first
 */
export function readConfig<C extends Command>(command: C, line: CommandLine, env: Environment): CommandConfig<C> {
  const { operands } = line;
  const program = readProgram(command, line);
  const options = readOptions(command, line.arguments, env);
  const sides = (): object => {
    if (isControl(command)) return readAddress(command, operands, env);
    if (isRemote(command)) return readRemote(command, operands, env);
    if (isFleet(command)) return checkFleet(operands, options);
    const target = readTarget(command, operands, env, {
      needsLocal: options.listVersions === undefined && !options.iamPolicy,
    });
    const own =
      command === 'restore'
        ? { names: namesOf(operands, options) }
        : { snapshotHooks: readHooks(line.arguments, { env, options }) };
    return { ...target, ...legacyFilters(env), rules: readRules(line.arguments, env), ...program, ...own };
  };
  // Each reader filled in what the table says `command` has.
  return { ...options, ...sides() } as CommandConfig<C>;
}

/** Both sides of every directory are in a file. */
function checkFleet([operand]: readonly string[], { config }: SomeValues): object {
  const usage = `Usage: ${usageOf('agent')}`;
  if (operand !== undefined) {
    throw new UsageError(`Cannot use '${operand}': agent finds its directories in the file of --config`, usage);
  }
  if (config === undefined) throw new UsageError('Cannot start: --config must name a file, it is missing', usage);
  return {};
}

function parseOneOff(env: Environment): ParsedCommand {
  return parseCommandLine(oneOffCommand(env), env);
}

function namesOf(operands: readonly string[], { object, delete: isExact }: SomeValues): Names {
  const url = operands.find(isS3Url);
  const hasKey = url !== undefined && /^s3:\/\/[^/]+\/.*[^/]$/is.test(url);
  if (!object) return hasKey ? 'either' : 'prefix';
  if (!hasKey) {
    throw new UsageError(
      `Cannot use --object: the S3 URL must be that of an object, current value is '${url ?? 'none'}'`,
      'Write s3://BUCKET/KEY.',
    );
  }
  if (isExact) throw new UsageError('Cannot use --object with --delete: one object tells nothing of other files');
  return 'object';
}

function commandNamed(word: string | undefined): Command {
  if (word === undefined)
    throw new UsageError('Cannot start: a command is needed, there is none', 'awssyncer --help lists them.');
  const command = COMMANDS.find((name) => name === word);
  if (command !== undefined) return command;
  const meant = nearest(word, COMMANDS);
  throw new UsageError(
    `Cannot run '${word}': it must be one of ${COMMANDS.join(', ')}`,
    meant ? `Did you mean awssyncer ${meant}?` : 'awssyncer --help explains them.',
  );
}

const ROWS = [...OPTION_ROWS.map(([, row]) => row), ...REPEATABLE_OPTIONS];

function readOptions(command: Command, args: readonly Argument[], env: Environment): SomeValues {
  for (const { flag, source } of args) {
    const row: { readonly commands: readonly Command[] } = ROWS.find((row) => row.flag === flag)!;
    if (row.commands.includes(command)) continue;
    throw new UsageError(
      `Cannot use ${source} with ${command}: it belongs to ${row.commands.join(' and ')}`,
      `awssyncer ${command} --help lists the options of ${command}.`,
    );
  }
  const values: Record<string, unknown> = {};
  const given = (flag: string) => args.findLast((argument) => argument.flag === flag) ?? fromEnvironment(flag, env);
  const allGiven = (flag: string) => {
    const own = args.filter((argument) => argument.flag === flag);
    return own.length > 0 ? own : listFromEnvironment(flag, env);
  };
  for (const [key, row] of OPTION_ROWS) {
    if (!row.commands.includes(command)) continue;
    if (row.repeats) {
      values[key] = allGiven(row.flag).flatMap((argument) => readValue(row.kind, argument));
      continue;
    }
    const argument = given(row.flag);
    values[key] = argument === undefined ? row.default : readValue(row.kind, argument);
  }
  if (command === 'run' && given('command-grace') === undefined) values['commandGraceMs'] = commandGraceMs(values);
  checkTogether(values, command);
  return values;
}

function fromEnvironment(flag: string, env: Environment): Argument | undefined {
  const source = environmentName(flag);
  const text = variable(env, source);
  return text === undefined ? undefined : { flag, source, text };
}

/** Several values separated by '|'. */
function listFromEnvironment(flag: string, env: Environment): Argument[] {
  const list = fromEnvironment(flag, env);
  return list === undefined ? [] : list.text.split('|').map((text) => ({ ...list, text }));
}

function readValue<T>(kind: Kind<T>, { source, text }: Argument): T {
  const value = kind.parse(text);
  if (value === undefined)
    throw new UsageError(
      `Cannot use ${source}: it must be ${kind.rule}${kind.isSecret ? '' : `, current value is '${text}'`}`,
    );
  return value;
}

/** The globs in the order given; without any, those of the environment, where the includes come last and so win. */
function readRules(args: readonly Argument[], env: Environment): FilterRule[] {
  const given = args.filter(({ flag }) => GLOB_OPTIONS.some((row) => row.flag === flag));
  const listed = (['exclude', 'include'] as const).flatMap((flag) => listFromEnvironment(flag, env));
  return (given.length > 0 ? given : listed).map((argument) => ({
    include: argument.flag === 'include',
    glob: readValue(GLOB_OPTIONS[0].kind, argument),
  }));
}

/** The hooks in the order given; without any, those of the environment. */
function readHooks(
  args: readonly Argument[],
  { env, options }: { env: Environment; options: SomeValues },
): SnapshotHook[] {
  const { flag, kind } = SNAPSHOT_HOOK_OPTION;
  const given = args.filter((argument) => argument.flag === flag);
  const variable = fromEnvironment(flag, env);
  const lines = variable?.text.split('\n').filter((line) => line.trim() !== '') ?? [];
  const all = given.length > 0 ? given : lines.map((text) => ({ ...variable!, text }));
  const hooks = all.map((argument) => readValue(kind, argument));
  checkHooks(hooks, options);
  return hooks;
}

function readProgram(command: Command, line: CommandLine): { program?: readonly string[] | undefined } {
  if (line.program === undefined) return command === 'run' ? { program: undefined } : {};
  if (command !== 'run') {
    throw new UsageError(`Cannot use '--' with ${command}: only run takes a command`, `Usage: ${usageOf(command)}`);
  }
  if (line.program.length === 0) {
    throw new UsageError("Cannot use '--': a command must follow it, there is none", `Usage: ${usageOf('run')}`);
  }
  return { program: line.program };
}
