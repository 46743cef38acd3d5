// The log: lines for people, or one JSON object a line for machines.
import type { Trouble } from './activity.ts';
import type { LogFields, LogKeyName } from './log-keys.ts';
import { displayFields, humanLine } from './log-line.ts';
import type { Ring } from './ring.ts';

/** From the fewest lines to the most. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** A message is always the same, so that it can be searched for; what differs from line to line is in the fields. */
type Constant<M extends string> = Record<never, 1> extends Record<M, 1> ? never : M;

/** Fields without a key that log-keys.ts does not know. */
type Declared<F extends LogFields> = F & { readonly [K in Exclude<keyof F, LogKeyName>]: never };

/** @param forPeople what they read instead of the message and the fields */
type WriteLine = <const M extends string, F extends LogFields>(
  message: Constant<M>,
  fields?: Declared<F>,
  forPeople?: string,
) => void;

/** Writes one line each. */
export type Log = Readonly<Record<LogLevel, WriteLine>>;

export interface LogOptions {
  readonly format: 'human' | 'json';
  /** What every line says besides. */
  readonly common?: LogFields;
  /** Lines for people show how grave they are in colour. Default: not. */
  readonly colours?: boolean;
  /** Lines beyond this level are dropped. */
  readonly level: LogLevel;
  /** Takes one line without its line feed. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Blots out secrets in messages and fields. */
  readonly redact: (text: string) => string;
  /** Keeps the last warnings and errors as they would be written, whatever the level. */
  readonly troubles?: Ring<Trouble>;
}

interface Said {
  readonly message: string;
  readonly fields: LogFields;
}

interface Line extends Said {
  /** What people are told instead. */
  readonly forPeople: Said | undefined;
}

type Emit = (level: LogLevel, line: Line) => void;

/** Makes a log that writes where others do. */
export type MakeLog = (own: Pick<LogOptions, 'common' | 'troubles'>) => Log;

/** Creates a log. */
export async function createLog(options: LogOptions): Promise<Log> {
  return (await openLogs(options))(options);
}

/** Opens what several logs write to. */
export async function openLogs(shared: Omit<LogOptions, 'common' | 'troubles'>): Promise<MakeLog> {
  const emit = shared.format === 'json' ? await jsonEmitter(shared) : humanEmitter(shared);
  return (own) => logOf({ ...shared, ...own }, emit);
}

function logOf(options: LogOptions, emit: Emit): Log {
  const { common = {} } = options;
  const line = (level: LogLevel, keep?: (message: string, fields: LogFields) => void): WriteLine => {
    const isWritten = LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(options.level);
    if (!isWritten && keep === undefined) return () => {};
    return (message: string, fields: LogFields = {}, forPeople?: string) => {
      const all = { ...common, ...fields };
      const [text, shown] = [options.redact(message), displayFields(all, options.redact)];
      keep?.(text, shown);
      if (!isWritten) return;
      const instead =
        forPeople === undefined
          ? undefined
          : { message: options.redact(forPeople), fields: displayFields(common, options.redact) };
      emit(level, { message: text, fields: shown, forPeople: instead });
    };
  };
  const { error, warn } = keepersOf(options);
  return { error: line('error', error), warn: line('warn', warn), info: line('info'), debug: line('debug') };
}

/** What keeps lines besides writing them; nothing does where nobody will ask for them. */
function keepersOf({ troubles, now }: LogOptions) {
  if (troubles === undefined) return {};
  const keep = (level: Trouble['level']) => (message: string, fields: LogFields) => {
    const texts = Object.entries(fields).map(([name, value]) => [name, String(value)]);
    troubles.push({ at: new Date(now()).toISOString(), level, message, fields: Object.fromEntries(texts) });
  };
  return { error: keep('error'), warn: keep('warn') };
}

function humanEmitter({ write, now, colours = false }: Pick<LogOptions, 'write' | 'now' | 'colours'>): Emit {
  return (level, { message, fields, forPeople }) => {
    const said = forPeople ?? { message, fields };
    write(humanLine(level, said.message, { fields: said.fields, timeMs: now(), colours }));
  };
}

/** Lines as pino writes them, with the level and the time in words. It is loaded only here: it takes 50 ms. */
async function jsonEmitter({ write, now }: Pick<LogOptions, 'write' | 'now'>): Promise<Emit> {
  const { pino } = await import('pino');
  const logger = pino(
    {
      base: null,
      level: 'debug',
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(line.trimEnd()) },
  );
  return (level, { message, fields }) => logger[level](fields, message);
}
