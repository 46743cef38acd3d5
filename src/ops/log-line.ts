// Pure. One line of the log for people.
import { displayPath } from '../model/path.ts';
import type { LogFields, LogLevel } from './log.ts';
import { showBytes, showMs } from './units.ts';

/** Fields that hold byte strings. They follow the message without their name. */
const PATH_FIELDS: ReadonlySet<string> = new Set(['path', 'from', 'key']);

/** The fields as they may be seen: byte strings as every message shows paths, secrets blotted out, absent ones gone. */
export function displayFields(fields: LogFields, redact: (text: string) => string): LogFields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value !== 'string') return [name, value];
      return [name, redact(PATH_FIELDS.has(name) ? displayPath(value) : value)];
    }),
  );
}

/**
 * `12:03:04 uploaded a/b.txt 4.1 KiB 12 ms`: the local time, the level unless it is info, the message, the fields.
 *
 * @param fields what displayFields returned
 */
export function humanLine(level: LogLevel, message: string, options: { fields: LogFields; timeMs: number }): string {
  const time = new Date(options.timeMs).toTimeString().slice(0, 8);
  const words = Object.entries(options.fields).map(([name, value]) => humanField(name, value));
  const label = level === 'info' ? [] : [`${level}:`];
  // Whatever a message quotes, it stays one line and cannot steer the terminal.
  return [time, ...label, message, ...words].join(' ').replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');
}

function humanField(name: string, value: LogFields[string]): string {
  if (PATH_FIELDS.has(name)) return name === 'from' ? `from ${value}` : `${value}`;
  if (typeof value === 'number' && name.endsWith('Bytes')) return showBytes(value);
  if (typeof value === 'number' && name.endsWith('Ms')) return showMs(value);
  return `${name}=${value}`;
}
