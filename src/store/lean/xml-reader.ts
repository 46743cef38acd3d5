// Pure. Reads XML of the form that servers of S3 write, element after element.
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Every step is undefined where the document is not of the simple form. */
export class XmlReader {
  readonly #text: string;
  #at: number;

  private constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** At the first child of this root. */
  static of(text: string, root: string): XmlReader | undefined {
    const start = text.indexOf(`<${root}`);
    // Comments, CDATA, a DOCTYPE; instructions; line ends that a parser would change.
    if (start < 0 || text.includes('<!') || text.lastIndexOf('<?') > 0 || text.includes('\r')) return undefined;
    return new XmlReader(text, text.indexOf('>', start) + 1);
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
