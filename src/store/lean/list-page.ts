// Pure. One page of a listing. A general parser takes 10 to 15 us for each of its objects, the reader here some 4: it
// knows only the form servers use, and leaves any other to the parser.
import type { ListAnswer, ListedAnswer } from '../s3-requests.ts';
import type { XmlElement } from './documents.ts';

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

/** Elements of objects that have children of their own; nothing here asks for them. */
const NESTED = ['Owner', 'RestoreStatus'];

/**
 * The same as the parser would give, as far as anything here reads it; undefined for any document that has more to it
 * than elements with text, in an order and depth that are known.
 */
export function scan(text: string): XmlElement | undefined {
  const start = text.indexOf('<ListBucketResult');
  // Comments, CDATA, a DOCTYPE; instructions; line ends that a parser would change.
  if (start < 0 || text.includes('<!') || text.lastIndexOf('<?') > 0 || text.includes('\r')) return undefined;
  const reader = new Reader(text, text.indexOf('>', start) + 1);
  const page: Record<string, unknown> = {};
  const contents: XmlElement[] = [];
  for (;;) {
    const name = reader.open();
    if (name === undefined) return undefined;
    if (name === '/ListBucketResult') break;
    const value = name === 'Contents' ? readObject(reader) : reader.text(name);
    if (value === undefined || Object.hasOwn(page, name)) return undefined;
    if (typeof value === 'string') page[name] = value;
    else contents.push(value);
  }
  if (!reader.isAtEnd()) return undefined;
  return { ...page, Contents: contents };
}

function readObject(reader: Reader): XmlElement | undefined {
  const object: Record<string, string> = {};
  for (;;) {
    const name = reader.open();
    if (name === undefined) return undefined;
    if (name === '/Contents') return object;
    const value = NESTED.includes(name) ? reader.skip(name) : reader.text(name);
    if (value === undefined || Object.hasOwn(object, name)) return undefined;
    object[name] = value;
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Every step is undefined where the document is not of the simple form. */
class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** The name in the next tag, which follows at once or after blanks; with its `/` if it closes. */
  open(): string | undefined {
    const from = this.#text.indexOf('<', this.#at);
    if (from < 0 || (from > this.#at && this.#text.slice(this.#at, from).trim() !== '')) return undefined;
    const to = this.#text.indexOf('>', from);
    const name = this.#text.slice(from + 1, to);
    this.#at = to + 1;
    return to > 0 && /^\/?[A-Za-z]+$/.test(name) ? name : undefined;
  }

  /** The text up to the element's end, without children. */
  text(name: string): string | undefined {
    const to = this.#text.indexOf('<', this.#at);
    if (to < 0 || !this.#text.startsWith(`</${name}>`, to)) return undefined;
    const raw = this.#text.slice(this.#at, to);
    this.#at = to + name.length + 3;
    if (raw.includes('\n')) return undefined;
    if (!raw.includes('&')) return raw;
    const decoded = raw.replace(/&(amp|lt|gt|quot|apos);/g, (_, entity: string) => ENTITIES[entity] ?? '');
    return /&(?!(?:amp|lt|gt|quot|apos);)/.test(raw) ? undefined : decoded;
  }

  /** Past the element, whose children have no children. */
  skip(name: string): string | undefined {
    for (;;) {
      const child = this.open();
      if (child === `/${name}`) return '';
      if (child === undefined || this.text(child) === undefined) return undefined;
    }
  }

  isAtEnd(): boolean {
    return this.#text.slice(this.#at).trim() === '';
  }
}
