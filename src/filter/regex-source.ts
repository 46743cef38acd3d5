// Pure. The parts of a pattern that every dialect here shares, as source of a JavaScript RegExp with the flag 'u'.

/** This one character, whatever it means elsewhere. */
export function literal(character: string): string {
  return /^[A-Za-z0-9]$/.test(character) ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/** What a bracket expression may hold besides characters and ranges. */
export interface BracketDialect {
  /** Characters that negate when they come first. */
  readonly negations: string;
  /** Whether a backslash takes the next character literally. */
  readonly escapes: boolean;
  /** Whether [:alpha:] and its like are known. */
  readonly classes: boolean;
}

/** The classes of the C locale: what the expressions of a program that never calls setlocale mean. */
const CLASSES: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  space: ' \\t\\n\\v\\f\\r',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

/**
 * Reads the bracket expression that begins at `start`.
 *
 * @param characters the pattern, one character each
 * @param start the index of its '['
 * @returns its source and the index after its ']', or undefined when nothing closes it
 * @throws SyntaxError when it can match nothing or uses what has no equivalent
 */
export function readBracket(
  characters: readonly string[],
  start: number,
  dialect: BracketDialect,
): { readonly source: string; readonly end: number } | undefined {
  let index = start + 1;
  const negated = dialect.negations.includes(characters[index] ?? ']');
  if (negated) index++;
  const first = index;
  const items: string[] = [];
  while (index < characters.length) {
    if (characters[index] === ']' && index > first)
      return { source: `[${negated ? '^' : ''}${items.join('')}]`, end: index + 1 };
    const named = dialect.classes ? readClass(characters, index) : undefined;
    if (named !== undefined) {
      items.push(named.source);
      index = named.end;
      continue;
    }
    const low = readMember(characters, index, dialect);
    if (characters[low.end] === '-' && (characters[low.end + 1] ?? ']') !== ']') {
      const high = readMember(characters, low.end + 1, dialect);
      if (low.character.codePointAt(0)! > high.character.codePointAt(0)!) {
        throw new SyntaxError(`the range ${low.character}-${high.character} runs backwards`);
      }
      items.push(`${literal(low.character)}-${literal(high.character)}`);
      index = high.end;
    } else {
      items.push(literal(low.character));
      index = low.end;
    }
  }
  return undefined;
}

function readMember(characters: readonly string[], index: number, dialect: BracketDialect) {
  const escaped = dialect.escapes && characters[index] === '\\' && index + 1 < characters.length;
  const at = escaped ? index + 1 : index;
  return { character: characters[at]!, end: at + 1 };
}

function readClass(characters: readonly string[], index: number): { source: string; end: number } | undefined {
  const kind = characters[index + 1] ?? '';
  if (characters[index] !== '[' || !':.='.includes(kind) || kind === '') return undefined;
  if (kind !== ':') throw new SyntaxError(`collating elements such as [${kind}a${kind}] are not supported`);
  const close = characters.findIndex((c, at) => at > index + 1 && c === ':' && characters[at + 1] === ']');
  const name = characters.slice(index + 2, close).join('');
  const source = close < 0 ? undefined : CLASSES[name];
  if (source === undefined) throw new SyntaxError(`there is no character class [:${close < 0 ? '' : name}:]`);
  return { source, end: close + 2 };
}
