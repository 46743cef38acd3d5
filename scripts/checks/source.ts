// Pure. What the checks see of a file: its path, its text, and what it imports.

export interface Source {
  /** Relative to the repository, with '/'. */
  readonly path: string;
  readonly text: string;
}

/** One thing that is wrong. */
export interface Finding {
  readonly path: string;
  readonly message: string;
}

export interface Import {
  /** As written, for a relative one: the path in the repository. */
  readonly target: string;
  /** The names between the braces; none for `import x`, `import * as x`, a bare or a dynamic import. */
  readonly names: readonly string[];
  /** Whether the whole of it is erased before the program runs. */
  readonly typeOnly: boolean;
  readonly relative: boolean;
}

const STATIC = /^\s*(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s*'([^']+)'|^\s*import\s*'([^']+)'/gm;
const DYNAMIC = /\bimport\(\s*'([^']+)'/g;

/** Everything `source` imports or re-exports. */
export function importsOf(source: Source): Import[] {
  const text = withoutComments(source.text);
  const fixed = [...text.matchAll(STATIC)].map(([, type, clause = '', from, bare]) => {
    const names =
      /\{([^}]*)\}/
        .exec(clause)?.[1]
        ?.split(',')
        .map((name) => name.trim())
        .filter(Boolean) ?? [];
    const typeOnly = type !== undefined || (names.length > 0 && names.every((name) => name.startsWith('type ')));
    const values = names.filter((name) => !name.startsWith('type ')).map((name) => name.replace(/ as .*/, ''));
    return { ...resolved(source.path, (from ?? bare) as string), names: values, typeOnly };
  });
  const dynamic = [...text.matchAll(DYNAMIC)].map(([, from]) => {
    return { ...resolved(source.path, from as string), names: [], typeOnly: false };
  });
  return [...fixed, ...dynamic];
}

function resolved(from: string, target: string): { target: string; relative: boolean } {
  if (!target.startsWith('.')) return { target, relative: false };
  return { target: new URL(target, `file:///${from}`).pathname.slice(1), relative: true };
}

const COMMENT_OR_STRING = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;

/** The text with comments gone and lines kept; strings stay. */
export function withoutComments(text: string): string {
  return text.replace(COMMENT_OR_STRING, (match) => (match.startsWith('/') ? match.replace(/[^\n]/g, '') : match));
}

/** The code alone: without comments and with the strings in quotes emptied. */
export function codeOf(text: string): string {
  return text.replace(COMMENT_OR_STRING, (match) => (match.startsWith('/') ? match.replace(/[^\n]/g, '') : "''"));
}
