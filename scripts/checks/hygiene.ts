// Pure. What no file of the repository may hold.
import { codeOf, type Finding, type Source } from './source.ts';

const MAX_LINES = 400;

interface Rule {
  /** The files it is about. */
  readonly files: RegExp;
  /** The one file or folder that is free of it. */
  readonly except?: RegExp;
  readonly pattern: RegExp;
  readonly message: string;
  /** Looks at code only: comments and strings may hold it. */
  readonly codeOnly?: true;
}

const CODE = /\.(?:ts|js|mjs|css|html|c|h|sh)$/;

const RULES: readonly Rule[] = [
  {
    files: /./,
    pattern: /(?<![\w.}])\/(?:work|root|Users|home\/(?!node\b)\w+)\//,
    message: 'holds a path of somebody\u2019s machine',
  },
  { files: /./, pattern: /"resolve[d]":|\bregistry\.(?:npmj[s]|yarnpk[g])\b/, message: 'names a package registry' },
  { files: /^(?!CHANGELOG)/, pattern: /\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/, message: 'leaves something to do' },
  {
    files: /^test\/.*\.ts$/,
    pattern: /\.(?:only|skip|todo)\(|[{,]\s*(?:only|skip|todo):/,
    message: 'skips a test, or runs only one',
    codeOnly: true,
  },
  {
    files: /^src\/.*\.ts$/,
    except: /^src\/main\.ts$/,
    pattern: /\bprocess\.(?:exit|env|argv)\b/,
    message: 'uses process.exit, process.env or process.argv, which only src/main.ts may',
    codeOnly: true,
  },
];

/** The lines that break a rule, and the files that are too long. */
export function checkHygiene(sources: readonly Source[]): Finding[] {
  return sources.flatMap((source) => [...tooLong(source), ...RULES.flatMap((rule) => breaches(rule, source))]);
}

function tooLong({ path, text }: Source): Finding[] {
  const lines = text.split('\n').length - 1;
  return CODE.test(path) && lines > MAX_LINES
    ? [{ path, message: `has ${lines} lines, more than ${MAX_LINES}: it has more than one subject` }]
    : [];
}

function breaches({ files, except, pattern, message, codeOnly }: Rule, { path, text }: Source): Finding[] {
  if (!files.test(path) || except?.test(path)) return [];
  return (codeOnly ? codeOf(text) : text)
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [{ path: `${path}:${index + 1}`, message }] : []));
}
