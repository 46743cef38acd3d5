// Pure. The words of the command line, taken apart but not yet understood.
import { parseArgs } from 'node:util';
import { UsageError } from '../model/errors.ts';
import type { Kind } from './kinds.ts';
import { OPTION_ROWS, REPEATABLE_OPTIONS } from './options.ts';
import { nearest } from './suggest.ts';

/** One option as given: on the command line or, under the same flag, in the environment. */
export interface Argument {
  readonly flag: string;
  /** What messages call it: the flag as written, or the variable. */
  readonly source: string;
  readonly text: string;
}

export interface CommandLine {
  /** The words that are not options: the command, then what it works on. */
  readonly operands: readonly string[];
  /** The options in their order. */
  readonly arguments: readonly Argument[];
  readonly wants: 'help' | 'version' | undefined;
  /** Everything after '--', verbatim; undefined without '--'. */
  readonly program: readonly string[] | undefined;
}

const ROWS = [...OPTION_ROWS.map(([, row]) => row), ...REPEATABLE_OPTIONS];

/** --verbose stands for --log-level=debug. */
const SHORTHANDS: ReadonlyMap<string, { flag: string; text: string }> = new Map(
  OPTION_ROWS.flatMap(([, { flag, shorthands = {} }]) =>
    Object.entries(shorthands).map(([name, text]) => [name, { flag, text }]),
  ),
);

/** Flags that need no value. */
const SWITCHES: ReadonlySet<string> = new Set([
  ...ROWS.filter((row) => row.kind.placeholder === '').map((row) => row.flag),
  ...SHORTHANDS.keys(),
  ...['help', 'version'],
]);

const SYNTAX = {
  ...Object.fromEntries(ROWS.map((row) => [row.flag, { type: 'string' } as const])),
  ...Object.fromEntries([...SWITCHES].map((flag) => [flag, { type: 'boolean' } as const])),
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
} as const;

/**
 * Takes the arguments apart.
 *
 * @throws UsageError for an option that does not exist or lacks its value
 */
export function tokenize(argv: readonly string[]): CommandLine {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  const { tokens } = parseArgs({ args: [...own], options: SYNTAX, strict: false, tokens: true });
  const operands: string[] = [];
  const given: Argument[] = [];
  let wants: CommandLine['wants'];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === 'help' || token.name === 'version') wants ??= token.name;
    else given.push(readToken(token));
  }
  return { operands, arguments: given, wants, program: end < 0 ? undefined : argv.slice(end + 1) };
}

interface Token {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function readToken({ name, rawName: source, value, inlineValue }: Token): Argument {
  const shorthand = SHORTHANDS.get(name);
  if (shorthand !== undefined) {
    if (value !== undefined)
      throw new UsageError(`Cannot use ${source}: it takes no value, current value is '${value}'`);
    return { ...shorthand, source };
  }
  if (!Object.hasOwn(SYNTAX, name)) {
    const meant = nearest(name, Object.keys(SYNTAX));
    throw new UsageError(
      `Cannot use ${source}: there is no such option`,
      meant ? `Did you mean --${meant}?` : 'awssyncer COMMAND --help lists the options.',
    );
  }
  if (SWITCHES.has(name)) return { flag: name, source, text: value ?? 'true' };
  const kind: Pick<Kind<unknown>, 'isSigned'> | undefined = ROWS.find((row) => row.flag === name)?.kind;
  const isSigned = kind?.isSigned === true;
  if (value === undefined || (value.startsWith('-') && !inlineValue && !(isSigned && /^-\d/.test(value)))) {
    throw new UsageError(
      `Cannot use ${source}: it needs a value, there is none`,
      `A value that begins with '-' is written ${source}=VALUE.`,
    );
  }
  return { flag: name, source, text: value };
}
