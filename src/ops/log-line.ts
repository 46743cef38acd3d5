// Pure. One line of the log for people.
import { displayPath } from '../model/path.ts';
import type { LogLevel } from './log.ts';
import { type LogFields, type LogKeyName, PATH_KEYS } from './log-keys.ts';
import { showBytes, showMs } from './units.ts';

/** ECMA-48, SGR: red, yellow. */
const COLOURS: Readonly<Partial<Record<LogLevel, number>>> = { error: 31, warn: 33 };

/** The fields as they may be seen: byte strings as every message shows paths, secrets blotted out, absent ones gone. */
export function displayFields(fields: LogFields, redact: (text: string) => string): LogFields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value !== 'string') return [name, value];
      return [name, redact(PATH_KEYS.has(name) ? displayPath(value) : value)];
    }),
  );
}

export interface HumanOptions {
  /** What displayFields returned. */
  readonly fields: LogFields;
  readonly timeMs: number;
  /** The level has a colour if it is not info. */
  readonly colours: boolean;
}

/**
 * `12:03:04 uploaded a/b.txt 4.1 KiB 12 ms`: the local time, the level unless it is info, the message, the fields.
 */
export function humanLine(level: LogLevel, message: string, options: HumanOptions): string {
  const time = new Date(options.timeMs).toTimeString().slice(0, 8);
  const words = Object.entries(options.fields).map(([name, value]) => humanField(name, value));
  // Whatever a message quotes, it stays one line and cannot steer the terminal.
  const text = [message, ...words].join(' ').replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');
  return [time, ...labelOf(level, options.colours), text].join(' ');
}

function labelOf(level: LogLevel, colours: boolean): string[] {
  if (level === 'info') return [];
  const colour = colours ? COLOURS[level] : undefined;
  return [colour === undefined ? `${level}:` : `\x1b[${colour}m${level}:\x1b[0m`];
}

function humanField(name: string, value: LogFields[LogKeyName]): string {
  if (PATH_KEYS.has(name)) return `${value}`;
  if (typeof value !== 'number') return `${name}=${value}`;
  if (name === 'bytes' || name.endsWith('Bytes')) return showBytes(value);
  if (name === 'ms' || name === 'ageMs') return showMs(value);
  if (name.endsWith('Ms')) return `${name.slice(0, -'Ms'.length)}=${showMs(value)}`;
  return `${name}=${value}`;
}
