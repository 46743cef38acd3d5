// Pure. Just enough XML: writes answers, and reads the three request bodies S3 has with the severity of an XML 1.0 parser.

/** An element to write. An undefined value is left out. */
export type XmlNode = readonly [name: string, value: string | number | boolean | readonly XmlNode[] | undefined];

/** An element that was read. */
export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Control characters become references, as S3 writes them: illegal in XML 1.0, which is why clients ask for encoding-type=url. */
export function escapeXml(text: string): string {
  return text.replace(
    /[&<>"\x00-\x1f\ufffe\uffff]/g,
    (char) => ESCAPES[char] ?? `&#x${char.charCodeAt(0).toString(16)};`,
  );
}

function render([name, value]: XmlNode): string {
  if (value === undefined) return '';
  const content = Array.isArray(value) ? value.map(render).join('') : escapeXml(String(value));
  return `<${name}>${content}</${name.split(' ', 1)[0]}>`;
}

/** A document; the root's name may carry attributes. */
export function xmlDocument(root: XmlNode): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${render(root)}`;
}

/** A document in S3's namespace, as its successful answers are. */
export function s3Document(name: string, children: readonly XmlNode[]): string {
  return xmlDocument([`${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`, children]);
}

/** What https://www.w3.org/TR/xml/#charsets does not allow, even by reference. */
const ILLEGAL =
  /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const TOKEN =
  /<\?[^>]*\?>|<!--[\s\S]*?-->|<!\[CDATA\[(?<cdata>[\s\S]*?)\]\]>|<\/(?<close>[\w.:-]+)\s*>|<(?<open>[\w.:-]+)(?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(?<empty>\/?)>|(?<text>[^<]+)/y;

function unescapeXml(text: string): string {
  return text.replace(
    /&(#x[0-9a-fA-F]+|#[0-9]+|\w+)?(;)?/g,
    (whole, name: string | undefined, end: string | undefined) => {
      if (name === undefined || end === undefined) throw new SyntaxError(`a bare & in ${text}`);
      const number = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
      const char = name.startsWith('#') ? String.fromCodePoint(number) : NAMED[name];
      if (char === undefined) throw new SyntaxError(`unknown entity ${whole}`);
      return char;
    },
  );
}

function legal(text: string): string {
  if (ILLEGAL.test(text)) throw new SyntaxError('a character that XML 1.0 does not allow');
  return text;
}

/**
 * Reads a document. Namespace prefixes and attributes are dropped; line ends are normalised, so a raw CR in a key is lost as
 * it is with any parser.
 *
 * @throws SyntaxError if it is not well formed, or has a document type.
 */
export function parseXml(source: string): XmlElement {
  const text = source.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  const top = { name: '', text: '', children: [] as XmlElement[] };
  const stack: { name: string; text: string; children: XmlElement[] }[] = [top];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.groups;
    if (token === undefined) throw new SyntaxError(`no XML at ${at}`);
    const parent = stack.at(-1)!;
    if (token['open'] !== undefined) {
      const element = { name: token['open'].replace(/^.*:/, ''), text: '', children: [] };
      parent.children.push(element);
      if (token['empty'] === '') stack.push(element);
    } else if (token['close'] !== undefined) {
      if (stack.length === 1 || token['close'].replace(/^.*:/, '') !== parent.name)
        throw new SyntaxError('unbalanced tags');
      stack.pop();
    } else {
      parent.text += legal(token['cdata'] ?? unescapeXml(token['text'] ?? ''));
    }
  }
  const [root, ...more] = top.children;
  if (root === undefined || more.length > 0 || stack.length > 1 || top.text.trim() !== '')
    throw new SyntaxError('not one root');
  return root;
}

/** The text of the only child of this name; undefined without one. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}
