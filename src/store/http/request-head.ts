// Pure. A request as it is written, up to its body.
import type { WireRequest } from './messages.ts';
import { unsendable } from './wire-errors.ts';

/** What no value may hold: https://www.rfc-editor.org/rfc/rfc9110#name-field-values */
const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/;

/** In latin1. @throws what `unsendable` makes */
export function requestHead({ method, path, headers, body }: WireRequest): string {
  if (/[^\x21-\x7e]/.test(path)) throw unsendable('the path');
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (const [name, value] of headers) {
    if (FORBIDDEN.test(value)) throw unsendable(name);
    head += `${name}: ${value}\r\n`;
  }
  // A PUT or POST without a body says so: https://www.rfc-editor.org/rfc/rfc9110#section-8.6
  const isWrite = method === 'PUT' || method === 'POST';
  if (body !== undefined || isWrite) head += `content-length: ${body?.length ?? 0}\r\n`;
  return `${head}\r\n`;
}
