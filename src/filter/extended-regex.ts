// Pure. FILTER_REGEX: a POSIX extended regular expression as a JavaScript RegExp.
//
// Only whether there is a match counts, not which, so POSIX's leftmost-longest rule makes no difference.
// https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap09.html#tag_09_04
import { UsageError } from '../model/errors.ts';
import { literal, readBracket } from './regex-source.ts';

/**
 * Translates the expression.
 *
 * @throws UsageError when it is malformed, or POSIX leaves undefined what it means
 */
export function compileExtendedRegex(expression: string): RegExp {
  try {
    return new RegExp(translate([...expression]), 'su');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(
      `Cannot use FILTER_REGEX: it must be a POSIX extended regular expression, but ${error.message}; current value is '${expression}'`,
      'Unset it to watch everything.',
    );
  }
}

function translate(characters: readonly string[]): string {
  let source = '';
  let depth = 0;
  /** Whether a repetition may follow: there is something to repeat, and it is not itself a repetition. */
  let repeatable = false;
  for (let index = 0; index < characters.length; ) {
    const token = readToken(characters, index);
    if (token.kind === 'repetition' && !repeatable)
      throw new SyntaxError(`there is nothing for ${token.source} to repeat`);
    if (token.kind === 'open') depth++;
    if (token.kind === 'close' && depth-- === 0) throw new SyntaxError("a ')' closes nothing");
    repeatable = token.kind === 'atom' || token.kind === 'close';
    source += token.source;
    index = token.end;
  }
  if (depth > 0) throw new SyntaxError("a '(' is not closed");
  return source;
}

interface Token {
  readonly kind: 'atom' | 'repetition' | 'open' | 'close' | 'other';
  readonly source: string;
  readonly end: number;
}

function readToken(characters: readonly string[], index: number): Token {
  const character = characters[index]!;
  const end = index + 1;
  switch (character) {
    case '\\':
      return { kind: 'atom', source: readEscape(characters[end]), end: end + 1 };
    case '[': {
      const bracket = readBracket(characters, index, { negations: '^', escapes: false, classes: true });
      if (bracket === undefined) throw new SyntaxError("a '[' is not closed");
      return { kind: 'atom', ...bracket };
    }
    case '{': {
      const [interval] = /^\{\d{1,5}(?:,\d{0,5})?\}/.exec(characters.slice(index).join('')) ?? [];
      if (interval === undefined) throw new SyntaxError("a '{' must begin a repetition such as {2,3}");
      return { kind: 'repetition', source: interval, end: index + interval.length };
    }
    case '*':
    case '+':
    case '?':
      return { kind: 'repetition', source: character, end };
    case '(':
      return { kind: 'open', source: '(?:', end };
    case ')':
      return { kind: 'close', source: ')', end };
    case '|':
    case '^':
    case '$':
      return { kind: 'other', source: character, end };
    case '.':
      return { kind: 'atom', source: '.', end };
    default:
      return { kind: 'atom', source: literal(character), end };
  }
}

/** POSIX defines a backslash before special characters only; \d, \w and \b are other dialects. */
function readEscape(character: string | undefined): string {
  if (character === undefined) throw new SyntaxError("nothing follows its last '\\'");
  if (/^[A-Za-z0-9]$/.test(character)) throw new SyntaxError(`\\${character} has no meaning in it`);
  return literal(character);
}
