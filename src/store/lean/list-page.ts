// Pure. One page of a listing. A general parser takes 10 to 15 us for each of its objects, the reader here some 4: it
// knows only the form servers use, and leaves any other to the parser.
import type { ListAnswer, ListedAnswer } from '../s3-requests.ts';
import type { XmlElement } from './documents.ts';
import { XmlReader } from './xml-reader.ts';

/** The page a whole ListBucketResult tells of; `parse` reads documents of any form. */
export function readListPage(text: string, parse: (text: string) => XmlElement): ListAnswer {
  const page = scan(text) ?? parse(text);
  const contents = page['Contents'] ?? [];
  return {
    Contents: (Array.isArray(contents) ? contents : [contents]).map(listed),
    EncodingType: stringOf(page['EncodingType']),
    IsTruncated: booleanOf(page['IsTruncated']),
    NextContinuationToken: stringOf(page['NextContinuationToken']),
  };
}

function listed(object: XmlElement): ListedAnswer {
  const [key, size, etag, modified] = [object['Key'], object['Size'], object['ETag'], object['LastModified']];
  const time = typeof modified === 'string' ? Date.parse(modified) : Number.NaN;
  if (typeof key !== 'string' || typeof size !== 'string' || !/^\d+$/.test(size) || Number.isNaN(time)) {
    throw new TypeError('a listed object has no key, size or time');
  }
  return { Key: key, Size: Number(size), ETag: stringOf(etag), LastModified: new Date(time) };
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function booleanOf(value: unknown): boolean | undefined {
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

/**
 * The same as the parser would give, as far as anything here reads it; undefined for any document that has more to it
 * than elements with text, in an order and depth that are known.
 */
export function scan(text: string): XmlElement | undefined {
  const reader = XmlReader.of(text, 'ListBucketResult');
  if (reader === undefined) return undefined;
  const page: Record<string, unknown> = {};
  const contents: XmlElement[] = [];
  for (;;) {
    const name = reader.open();
    if (name === undefined) return undefined;
    if (name === '/ListBucketResult') break;
    const value = name === 'Contents' ? reader.fields(name) : reader.text(name);
    if (value === undefined || Object.hasOwn(page, name)) return undefined;
    if (typeof value === 'string') page[name] = value;
    else contents.push(value);
  }
  if (!reader.isAtEnd()) return undefined;
  return { ...page, Contents: contents };
}
