// Pure. The file of `awssyncer agent`: directories, where each goes, and the options of each.
import { basename, isAbsolute, normalize } from 'node:path';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { UsageError } from '../model/errors.ts';
import type { Argument } from './command-line.ts';
import { type CommandConfig, readConfig } from './config.ts';
import type { Environment } from './environment.ts';
import { isS3Url } from './location.ts';
import { AGENTS, type AgentCommand, type Command, FLEET_COMMANDS } from './option.ts';
import { OPTION_ROWS, REPEATABLE_OPTIONS } from './options.ts';
import { checkApart } from './overlaps.ts';
import { nearest } from './suggest.ts';

/** One directory of the file, as a command line of its own would describe it. */
export type DirectoryConfig = { readonly name: string } & {
  readonly [C in AgentCommand]: { readonly command: C; readonly config: CommandConfig<C> };
}[AgentCommand];

interface Row {
  readonly flag: string;
  readonly commands: readonly Command[];
  readonly takesList: boolean;
}

/** What a directory may be told, under the names of the flags. */
const ROWS: readonly Row[] = [
  ...OPTION_ROWS.map(([, row]) => ({ ...row, takesList: row.repeats === true })),
  ...REPEATABLE_OPTIONS.map((row) => ({ ...row, takesList: true })),
];

const isOfAgents = ({ commands }: Row): boolean => AGENTS.some((command) => commands.includes(command));
/** Such as --http: there is one of it, whatever the number of directories. */
const isOfProcess = ({ commands }: Row): boolean => FLEET_COMMANDS.some((command) => commands.includes(command));

const OPTION_NAMES = ROWS.filter((row) => isOfAgents(row) && !isOfProcess(row)).map(({ flag }) => flag);
const FILE_KEYS = ['defaults', 'directories'];
const OWN_KEYS = ['name', 'local', 'url', 'command'];
/** Part of addresses and of names of files. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/**
 * Reads the whole file.
 *
 * @param text of the file
 * @param file its name, for messages
 * @param env options that the file does not name come from it, as for every command
 * @throws UsageError for the first mistake, with its line
 */
export function readConfigFile(text: string, { file, env }: { file: string; env: Environment }): DirectoryConfig[] {
  return new FileReader(text, file, env).directories();
}

class FileReader {
  readonly #file: string;
  readonly #env: Environment;
  readonly #lines = new LineCounter();
  readonly #document: Document;

  constructor(text: string, file: string, env: Environment) {
    this.#file = file;
    this.#env = env;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
  }

  directories(): DirectoryConfig[] {
    const [error] = this.#document.errors;
    if (error !== undefined) {
      throw new UsageError(
        `Cannot use ${this.#file}:${this.#lines.linePos(error.pos[0]).line}: ${firstLine(error.message)}`,
      );
    }
    const root = this.#fields(this.#document.contents, 'the file', FILE_KEYS);
    const defaults = root.get('defaults');
    const common = defaults === undefined ? [] : this.#options(this.#fields(defaults, 'defaults', OPTION_NAMES));
    const list = root.get('directories');
    const items = list === undefined ? [] : this.#items(list, 'directories');
    if (items.length === 0) {
      throw new UsageError(
        `Cannot use ${this.#file}: it must name at least one directory, there is none`,
        'Write directories: [{ local: /PATH, url: s3://BUCKET/PREFIX }].',
      );
    }
    const found = items.map((item) => ({ item, directory: this.#directory(item, common) }));
    const placed = found.map(({ item, directory }) => ({ directory, place: this.#placeOf(item) }));
    checkApart(placed, this.#env);
    return found.map(({ directory }) => directory);
  }

  #directory(item: Node, common: readonly Argument[]): DirectoryConfig {
    const fields = this.#fields(item, 'a directory', [...OWN_KEYS, ...OPTION_NAMES]);
    const text = (key: string): string | undefined => {
      const node = fields.get(key);
      return node === undefined ? undefined : this.#scalar(node, key);
    };
    const needed = (key: string, rule: string, isGood: (value: string) => boolean): string => {
      const value = text(key);
      if (value !== undefined && isGood(value)) return value;
      const current = value === undefined ? 'it is missing' : `current value is '${value}'`;
      throw this.#mistake(fields.get(key) ?? item, `${key} must be ${rule}, ${current}`);
    };
    const local = needed('local', 'an absolute path', isAbsolute);
    const url = needed('url', 'an S3 URL, s3://BUCKET[/PREFIX]', isS3Url);
    const command = AGENTS.find((name) => name === (text('command') ?? 'run'));
    if (command === undefined) {
      throw this.#mistake(
        fields.get('command')!,
        `command must be ${AGENTS.join(' or ')}, current value is '${text('command')}'`,
      );
    }
    const name = text('name') ?? basename(normalize(local));
    if (!NAME.test(name)) {
      const rule = 'a name has letters, digits, dots, dashes and underscores, at most 63';
      const hint = fields.has('name')
        ? undefined
        : 'Without one it is the last part of local: give it a name of its own.';
      throw this.#mistake(fields.get('name') ?? item, `${rule}, current value is '${name}'`, hint);
    }
    const isOurs = ({ flag }: Argument) => ROWS.some((row) => row.flag === flag && row.commands.includes(command));
    const given = [
      ...common.filter(isOurs),
      ...this.#options(fields),
      // That is the process's, and answers for all of them.
      { flag: 'http', source: 'http', text: 'off' },
    ];
    const line = { operands: [local, url], arguments: given, wants: undefined, program: undefined };
    try {
      return { name, command, config: readConfig(command, line, this.#env) } as DirectoryConfig;
    } catch (error) {
      if (!(error instanceof UsageError) || error.message.includes(`${this.#file}:`)) throw error;
      // It tells of flags: of a rule between two, or of what the environment says.
      throw new UsageError(`${this.#placeOf(item)}: ${error.message}`, error.hint);
    }
  }

  /** What the fields say of options, in their order. */
  #options(fields: ReadonlyMap<string, Node>): Argument[] {
    return [...fields].flatMap(([flag, node]): Argument[] => {
      const row = ROWS.find((row) => row.flag === flag);
      if (row === undefined) return [];
      const source = `${this.#placeOf(node)}: ${flag}`;
      if (!isSeq(node)) return [{ flag, source, text: this.#scalar(node, flag) }];
      if (!row.takesList) throw this.#mistake(node, `${flag} takes one value, this is a list`);
      return this.#items(node, flag).map((item) => ({ flag, source, text: this.#scalar(item, flag) }));
    });
  }

  #fields(node: unknown, what: string, keys: readonly string[]): ReadonlyMap<string, Node> {
    if (!isMap(node))
      throw this.#mistake(node, `${what} must hold ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ', ...' : ''}`);
    return new Map(
      (node as YAMLMap).items.map(({ key, value }): [string, Node] => {
        const name = this.#scalar(key, 'a key');
        if (!keys.includes(name)) throw this.#noSuchKey(key, name, { what, keys });
        const resolved = this.#resolved(value);
        if (resolved === undefined) throw this.#mistake(key, `${name} needs a value, there is none`);
        return [name, resolved];
      }),
    );
  }

  #noSuchKey(node: unknown, name: string, { what, keys }: { what: string; keys: readonly string[] }): UsageError {
    if (ROWS.some((row) => row.flag === name && isOfProcess(row))) {
      return this.#mistake(node, `${name} is one of the whole agent`, `Give --${name} on the command line.`);
    }
    const meant = nearest(name, keys);
    const hint =
      meant === undefined ? 'awssyncer run --help lists the options; write them without --.' : `Did you mean ${meant}?`;
    return this.#mistake(node, `${what} has no '${name}'`, hint);
  }

  #items(node: Node, name: string): Node[] {
    if (!isSeq(node)) throw this.#mistake(node, `${name} must be a list`);
    return node.items.map((item) => {
      const resolved = this.#resolved(item);
      if (resolved === undefined) throw this.#mistake(node, `${name} holds an empty item`);
      return resolved;
    });
  }

  /** A value as it is written, which is what flags are read from. */
  #scalar(node: unknown, name: string): string {
    const resolved = this.#resolved(node);
    if (!isScalar(resolved)) throw this.#mistake(node, `${name} must be one value`);
    return typeof resolved.value === 'string' ? resolved.value : (resolved.source ?? String(resolved.value));
  }

  /** undefined: there is nothing. */
  #resolved(node: unknown): Node | undefined {
    const resolved = isAlias(node) ? node.resolve(this.#document) : (node as Node | null | undefined);
    return resolved && !(isScalar(resolved) && resolved.value === null) ? resolved : undefined;
  }

  #mistake(node: unknown, rule: string, hint?: string): UsageError {
    return new UsageError(`Cannot use ${this.#placeOf(node)}: ${rule}`, hint);
  }

  #placeOf(node: unknown): string {
    const [offset] = (node as Node | null)?.range ?? [];
    return offset === undefined ? this.#file : `${this.#file}:${this.#lines.linePos(offset).line}`;
  }
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]!;
}
