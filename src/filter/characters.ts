// Pure. Byte strings as the characters a pattern is written in.
import { textOf } from '../model/path.ts';

/** One valid UTF-8 sequence beyond ASCII (RFC 3629, section 4), or any other byte from 0x80. */
const SEQUENCE =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|[\x80-\xff]/g;

/**
 * The characters of a byte string. A byte that is not part of UTF-8 becomes one low surrogate (U+DC00 plus the byte),
 * which no text holds: patterns match it with a wildcard only, and different paths stay different.
 */
export function charactersOf(bytes: string): string {
  return (
    textOf(bytes) ??
    bytes.replace(
      SEQUENCE,
      (found) => textOf(found) ?? [...found].map((byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0))).join(''),
    )
  );
}
