// Pure. The help texts and the option table of REFERENCE.md, written from the option table.
import { COMMAND_TEXTS, EXIT_TEXTS } from './commands.ts';
import {
  COMMANDS,
  type Command,
  GROUPS,
  isControl,
  isRemote,
  LOCAL_COMMANDS,
  S3_COMMANDS,
  STORERS,
  WORK_COMMANDS,
} from './option.ts';
import { environmentName, OPTION_ROWS, type OptionRow, REPEATABLE_OPTIONS } from './options.ts';

const WIDTH = 96;

/** One option as help and REFERENCE.md show it. */
interface Entry {
  readonly group: string;
  readonly commands: readonly Command[];
  /** The flag and its value's placeholder. */
  readonly term: string;
  readonly environment: string;
  readonly help: string;
  readonly defaultText: string;
}

const ENTRIES: readonly Entry[] = [
  ...REPEATABLE_OPTIONS.map((row) => ({
    group: GROUPS[0],
    commands: row.commands,
    term: `--${row.flag} ${row.kind.placeholder}`,
    environment: environmentName(row.flag),
    help: row.help,
    defaultText: 'none',
  })),
  ...OPTION_ROWS.map(([, row]) => ({
    group: row.group,
    commands: row.commands,
    term: `--${row.flag} ${row.kind.placeholder}`.trimEnd(),
    environment: environmentName(row.flag),
    help: row.help,
    defaultText: defaultOf(row),
  })),
];

function defaultOf(row: OptionRow): string {
  if (row.defaultText !== undefined) return row.defaultText;
  return row.default === false ? 'off' : row.kind.show(row.default);
}

/** The usage line of a command. */
export function usageOf(command: Command): string {
  return COMMAND_TEXTS[command].usage;
}

/** `awssyncer --help`. */
export function programHelp(): string {
  return sections([
    [
      '',
      [
        ...paragraph(
          'awssyncer keeps a directory on disk and a prefix in S3 the same: it restores the directory from S3, then uploads every change the moment it happens.',
          0,
        ),
      ],
    ],
    ['Usage', ['  awssyncer COMMAND [OPTIONS] ARGUMENTS', '  awssyncer COMMAND --help', '  awssyncer --version']],
    ['Commands', table(COMMANDS.map((command) => [command, COMMAND_TEXTS[command].summary]))],
    [
      'Start here',
      examples([COMMAND_TEXTS.run.examples[0]!, COMMAND_TEXTS.watch.examples[0]!, COMMAND_TEXTS.sync.examples[1]!]),
    ],
    ['Environment', paragraph(ENVIRONMENT, 2)],
    ['Exit codes', table(EXIT_TEXTS)],
  ]);
}

/** `awssyncer COMMAND --help`. */
export function commandHelp(command: Command): string {
  const text = COMMAND_TEXTS[command];
  const groups = GROUPS.map((group): Section => {
    const entries = ENTRIES.filter((entry) => entry.group === group && entry.commands.includes(command));
    return [group, entries.flatMap(optionLines)];
  });
  return sections([
    ['', [`awssyncer ${command}: ${text.summary}`]],
    ['Usage', [`  ${text.usage}`]],
    ['', paragraph(text.about, 0)],
    ['Examples', examples(text.examples)],
    ...groups,
    ...(isControl(command) ? CONTROL_SECTIONS : isRemote(command) ? REMOTE_SECTIONS : WORK_SECTIONS),
    ['Exit codes', table(EXIT_TEXTS)],
  ]);
}

const GLOBS =
  "A GLOB is matched on the path relative to LOCAL: '*' and '?' stop at '/', '**/' is any number of directories, '[a-z]' one " +
  "character, '\\' takes the next one literally. Without a '/' in front or in the middle it matches at any depth; a final '/' " +
  "means a directory. What matches counts with everything beneath it. A variable holds several globs separated by '|'; all " +
  'of AWSSYNCER_EXCLUDE come before all of AWSSYNCER_INCLUDE, and one flag replaces both.';

const ENVIRONMENT =
  'LOCAL and the S3 URL may come from LOCAL_PATH (absolute) and S3_BUCKET (BUCKET or BUCKET/PREFIX). FILTER_REGEX (extended ' +
  "regular expression on the absolute path: not watched, still found by scans) and SYNC_EXCLUDES (globs separated by '|' whose " +
  "'*' crosses '/') mean what they meant to the original awssyncer. Every option has a variable AWSSYNCER_NAME; flags win. " +
  "Credentials are the AWS SDK's: AWS_ACCESS_KEY_ID, AWS_PROFILE, web identity, instance roles.";

const STATE =
  'What S3 is known to hold is remembered under /var/lib/awssyncer for root, else under $XDG_STATE_HOME/awssyncer ' +
  '(~/.local/state/awssyncer), in one directory for each pair of LOCAL and URL. Deleting it costs a listing and reading the files again, ' +
  'never data.';

const FINDING =
  'The agent is found by LOCAL (or LOCAL_PATH), and by the S3 URL (or S3_BUCKET) where several keep the same LOCAL; with one ' +
  'agent on the machine nothing is needed; status tells of all that are left open. It listens in its state directory, so this must run as the same user or root, and ' +
  'needs --state-dir (AWSSYNCER_STATE_DIR) if the agent was given one.';

type Section = readonly [title: string, lines: readonly string[]];

const WORK_SECTIONS: readonly Section[] = [
  ['Globs', paragraph(GLOBS, 2)],
  ['Environment', paragraph(ENVIRONMENT, 2)],
  ['State', paragraph(STATE, 2)],
];

const REMOTE_SECTIONS: readonly Section[] = [['Environment', paragraph(ENVIRONMENT, 2)]];

const CONTROL_SECTIONS: readonly Section[] = [['Which agent', paragraph(FINDING, 2)]];

function sections(all: readonly Section[]): string {
  const filled = all.filter(([, lines]) => lines.length > 0);
  return `${filled.map(([title, lines]) => [...(title ? [`${title}:`] : []), ...lines].join('\n')).join('\n\n')}\n`;
}

function optionLines(entry: Entry): string[] {
  return [`  ${entry.term}`, ...paragraph(`${entry.help}. Default: ${entry.defaultText}. [${entry.environment}]`, 6)];
}

function examples(lines: readonly (readonly [string, string])[]): string[] {
  return lines.flatMap(([line, meaning]) => [`  # ${meaning}`, `  ${line}`]);
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([term]) => term.length));
  return rows.map(([term, meaning]) => `  ${term.padEnd(width)}  ${meaning}`);
}

/** Words filled into lines of at most WIDTH columns, unless a word is longer. */
function paragraph(text: string, indent: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > WIDTH) lines.push(' '.repeat(indent) + word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function showCommands(commands: readonly Command[]): string {
  if (commands.length === COMMANDS.length) return 'all';
  const areAll = (some: readonly Command[]) =>
    commands.length === some.length && some.every((command) => commands.includes(command));
  if (areAll(S3_COMMANDS)) return 'all that use S3';
  if (areAll(LOCAL_COMMANDS)) return 'all that work on LOCAL';
  if (areAll(STORERS)) return 'all that store objects';
  return areAll(WORK_COMMANDS) ? 'all that synchronise' : commands.join(', ');
}

/** The option table in Markdown. */
export function optionTable(): string {
  const rows = GROUPS.flatMap((group) => [
    `| **${group}** | | | |`,
    ...ENTRIES.filter((entry) => entry.group === group).map((entry) => {
      const commands = showCommands(entry.commands);
      return `| ${[`\`${entry.term}\``, entry.defaultText, commands, entry.help].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    }),
  ]);
  return ['| Option | Default | Commands | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}
