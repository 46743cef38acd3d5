// Pure. Reads XML of the form that servers of S3 write, element after element.
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Elements of objects and versions that have children of their own; nothing here asks for them. */
const NESTED: readonly string[] = ['Owner', 'RestoreStatus'];

/** What stands for a character by its number; an ampersand stays one that must be decoded. */
function numbered(_: string, number: string): string {
  const code = /^x/i.test(number) ? Number.parseInt(number.slice(1), 16) : Number(number);
  const character = code <= 0x10ffff ? String.fromCodePoint(code) : '';
  return character === '&' ? '&amp;' : character;
}

/** Every step is undefined where the document is not of the simple form. */
export class XmlReader {
  readonly #text: string;
  readonly #isLenient: boolean;
  #at: number;
  /** The element that was opened last is `<Name/>`. */
  #isEmpty = false;

  private constructor(text: string, at: number, isLenient: boolean) {
    this.#text = text;
    this.#at = at;
    this.#isLenient = isLenient;
  }

  /**
   * At the first child of this root.
   * @param options.lenient Also attributes, which are skipped, empty elements and characters by their numbers.
   */
  static of(text: string, root: string, { lenient = false } = {}): XmlReader | undefined {
    const start = text.indexOf(`<${root}`);
    // Comments, CDATA, a DOCTYPE; instructions; line ends that a parser would change.
    if (start < 0 || text.includes('<!') || text.lastIndexOf('<?') > 0 || text.includes('\r')) return undefined;
    return new XmlReader(text, text.indexOf('>', start) + 1, lenient);
  }

  /** The name in the next tag, which follows at once or after blanks; with its `/` if it closes. */
  open(): string | undefined {
    const from = this.#text.indexOf('<', this.#at);
    if (from < 0 || (from > this.#at && this.#text.slice(this.#at, from).trim() !== '')) return undefined;
    const to = this.#text.indexOf('>', from);
    const tag = this.#text.slice(from + 1, to);
    this.#at = to + 1;
    if (to < 0) return undefined;
    if (!this.#isLenient) return /^\/?[A-Za-z]+$/.test(tag) ? tag : undefined;
    const [, name, slash] = /^(\/?[A-Za-z]+)(?:\s[^<>]*?)?(\/?)$/.exec(tag) ?? [];
    this.#isEmpty = slash === '/';
    return name;
  }

  /** The text up to the element's end, without children. */
  text(name: string): string | undefined {
    if (this.#isEmpty) {
      this.#isEmpty = false;
      return '';
    }
    const to = this.#text.indexOf('<', this.#at);
    if (to < 0 || !this.#text.startsWith(`</${name}>`, to)) return undefined;
    const raw = this.#text.slice(this.#at, to);
    this.#at = to + name.length + 3;
    if (raw.includes('\n')) return undefined;
    if (!raw.includes('&')) return raw;
    const named = this.#isLenient ? raw.replace(/&#(x[0-9a-f]{1,6}|\d{1,7});/gi, numbered) : raw;
    const decoded = named.replace(/&(amp|lt|gt|quot|apos);/g, (_, entity: string) => ENTITIES[entity] ?? '');
    return /&(?!(?:amp|lt|gt|quot|apos);)/.test(named) ? undefined : decoded;
  }

  /** Past the element, whose children have no children. */
  skip(name: string): string | undefined {
    if (this.#isEmpty) return this.text(name);
    for (;;) {
      const child = this.open();
      if (child === `/${name}`) return '';
      if (child === undefined || this.text(child) === undefined) return undefined;
    }
  }

  /** The texts of the element's children, of those with children of their own ''; only the repeatable may be repeated. */
  fields(name: string, repeatable?: string): Record<string, string> | undefined {
    const fields: Record<string, string> = {};
    for (;;) {
      const child = this.open();
      if (child === `/${name}`) return fields;
      if (child === undefined) return undefined;
      const text = NESTED.includes(child) ? this.skip(child) : this.text(child);
      if (text === undefined || (child !== repeatable && Object.hasOwn(fields, child))) return undefined;
      fields[child] = text;
    }
  }

  isAtEnd(): boolean {
    return this.#text.slice(this.#at).trim() === '';
  }
}
