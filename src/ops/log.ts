// The log: lines for people, or one JSON object a line for machines.
import { displayFields, humanLine } from './log-line.ts';

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
  /** Lines beyond this level are dropped. */
  readonly level: LogLevel;
  /** Takes one line without its line feed. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Blots out secrets in messages and fields. */
  readonly redact: (text: string) => string;
}

type Emit = (level: LogLevel, message: string, fields: LogFields) => void;

/** Creates a log. */
export async function createLog(options: LogOptions): Promise<Log> {
  const emit = options.format === 'json' ? await jsonEmitter(options) : humanEmitter(options);
  const line = (level: LogLevel): WriteLine => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(options.level)) return () => {};
    return (message, fields = {}) => emit(level, options.redact(message), displayFields(fields, options.redact));
  };
  return { error: line('error'), warn: line('warn'), info: line('info'), debug: line('debug') };
}

function humanEmitter({ write, now }: LogOptions): Emit {
  return (level, message, fields) => write(humanLine(level, message, { fields, timeMs: now() }));
}

/** Lines as pino writes them, with the level and the time in words. It is loaded only here: it takes 50 ms. */
async function jsonEmitter({ write, now }: LogOptions): Promise<Emit> {
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
