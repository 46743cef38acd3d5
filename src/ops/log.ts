// The log: lines for people, or one JSON object a line for machines.
import type { Trouble } from './activity.ts';
import { displayFields, humanLine } from './log-line.ts';
import type { Ring } from './ring.ts';

/** From the fewest lines to the most. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * What a line says besides its message. `path`, `from` and `key` are byte strings; a name that ends in Bytes or Ms has
 * that unit.
 */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

type WriteLine = (message: string, fields?: LogFields) => void;

/** Writes one line each. */
export type Log = Readonly<Record<LogLevel, WriteLine>>;

export interface LogOptions {
  readonly format: 'human' | 'json';
  /** What every line says besides. */
  readonly common?: LogFields;
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

type Emit = (level: LogLevel, message: string, fields: LogFields) => void;

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
  const line = (level: LogLevel, keep?: (message: string, fields: LogFields) => void): WriteLine => {
    const isWritten = LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(options.level);
    if (!isWritten && keep === undefined) return () => {};
    return (message, fields = {}) => {
      const all = { ...options.common, ...fields };
      const [text, shown] = [options.redact(message), displayFields(all, options.redact)];
      keep?.(text, shown);
      if (isWritten) emit(level, text, shown);
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

function humanEmitter({ write, now }: Pick<LogOptions, 'write' | 'now'>): Emit {
  return (level, message, fields) => write(humanLine(level, message, { fields, timeMs: now() }));
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
  return (level, message, fields) => logger[level](fields, message);
}
