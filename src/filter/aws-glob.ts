// Pure. The globs of SYNC_EXCLUDES, which the original handed to `aws s3 sync --exclude`.
//
// They are Python's fnmatch on the whole relative path: '*' and '?' match '/' too, '[!a-z]' negates, nothing escapes,
// and a '[' that is not closed is itself. https://docs.python.org/3/library/fnmatch.html
import { UsageError } from '../model/errors.ts';
import type { Glob } from './glob.ts';
import { literal, readBracket } from './regex-source.ts';

/** Compiles an aws-style glob. Directories are seen with a final '/', as their markers are in S3. */
export function compileAwsGlob(glob: string): Pick<Glob, 'matches' | 'covers'> {
  const matching = new RegExp(`^${sourceOf(glob)}$`, 'su');
  return {
    matches: (subject) => matching.test(subject),
    // What matches 'dir/' by a final star matches every continuation of it.
    covers: (directory) => glob.endsWith('*') && matching.test(directory),
  };
}

function sourceOf(glob: string): string {
  const characters = [...glob];
  let source = '';
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index]!;
    const bracket = character === '[' ? bracketAt(characters, index, glob) : undefined;
    if (bracket !== undefined) {
      source += bracket.source;
      index = bracket.end - 1;
    } else if (character === '*') {
      if (characters[index - 1] !== '*') source += '.*';
    } else {
      source += character === '?' ? '.' : literal(character);
    }
  }
  return source;
}

function bracketAt(characters: readonly string[], index: number, glob: string) {
  try {
    return readBracket(characters, index, { negations: '!', escapes: false, classes: false });
  } catch (error) {
    throw new UsageError(`Cannot use '${glob}' in SYNC_EXCLUDES: ${(error as Error).message}`);
  }
}
