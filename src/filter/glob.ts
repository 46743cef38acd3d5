// Pure. The globs of --include and --exclude.
//
// A glob is matched on whole names: '*' any characters, '?' one, '[a-z]' one of these, '\' the next one literally, and a
// name '**' any number of directories. With a '/' in front or in the middle it begins at the root, else at any depth;
// a final '/' means directories only. What it matches counts with everything beneath it.
import { UsageError } from '../model/errors.ts';
import { literal, readBracket } from './regex-source.ts';

/**
 * A compiled glob. It looks at subjects: the characters of a path, with a final '/' for a directory, '' for the root.
 */
export interface Glob {
  /** Whether it matches this path or a directory above it. */
  matches(subject: string): boolean;
  /** Whether it matches everything that can be beneath this directory. */
  covers(directory: string): boolean;
  /** Whether it matches something that can be beneath this directory. */
  reaches(directory: string): boolean;
}

const ANY_NAME = '[^/]+';
const ANY_DIRECTORIES = '(?:[^/]+/)*';

/**
 * Compiles a glob.
 *
 * @throws UsageError when it is malformed or names what no path can be
 */
export function compileGlob(glob: string): Glob {
  try {
    return compile(glob);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(
      `Cannot use the glob '${glob}': ${error.message}`,
      "A backslash takes a special character literally: '\\['.",
    );
  }
}

function compile(glob: string): Glob {
  const directoriesOnly = glob.endsWith('/');
  const body = glob.slice(glob.startsWith('/') ? 1 : 0, directoriesOnly ? -1 : undefined);
  const anchored = glob.startsWith('/') || body.includes('/');
  const names = (anchored ? body : `**/${body}`).split('/').map(compileName);
  // With everything beneath counted, a final '**' says no more than '*'.
  const final = names.pop()!;
  const last = final === ANY_DIRECTORIES ? ANY_NAME : final;
  const above = names.filter((name, index) => name !== ANY_DIRECTORIES || names[index - 1] !== name);

  const head = `^${above.map((name) => (name === ANY_DIRECTORIES ? name : `${name}/`)).join('')}`;
  const matching = new RegExp(`${head}${last}(?:/${directoriesOnly ? '' : '|$'})`, 'su');
  const covering = last === ANY_NAME && !directoriesOnly ? new RegExp(head, 'su') : matching;
  const reaching = new RegExp(`^${reachSource([...above, last])}`, 'su');
  return {
    matches: (subject) => matching.test(subject),
    covers: (directory) => covering.test(directory),
    reaches: (directory) => reaching.test(directory),
  };
}

/** Matches a directory if its names use up the glob's from the left, or the other way round. */
function reachSource([name, ...rest]: readonly string[]): string {
  if (name === undefined || name === ANY_DIRECTORIES) return '';
  return `(?:$|${name}/${reachSource(rest)})`;
}

/** The source that matches one name of the glob. */
function compileName(name: string): string {
  if (name === '' || name === '.' || name === '..') throw new SyntaxError(`no path has the name '${name}'`);
  if (/^\*\*+$/.test(name)) return ANY_DIRECTORIES;
  if (name === '*') return ANY_NAME;
  const characters = [...name];
  let source = '';
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index]!;
    if (character === '*') {
      if (!source.endsWith('[^/]*')) source += '[^/]*';
    } else if (character === '?') {
      source += '[^/]';
    } else if (character === '\\') {
      const next = characters[++index];
      if (next === undefined) throw new SyntaxError("nothing follows its last '\\'");
      source += literal(next);
    } else if (character === '[') {
      const bracket = readBracket(characters, index, { negations: '!^', escapes: true, classes: true });
      if (bracket === undefined) throw new SyntaxError("a '[' is not closed");
      source += `(?!/)${bracket.source}`;
      index = bracket.end - 1;
    } else {
      source += literal(character);
    }
  }
  return source;
}
