// Pure. A file that says "// Pure." in its first line does no I/O and gives the same answer every time.
import { codeOf, type Finding, importsOf, type Source } from './source.ts';

const PURE = '// Pure.';

/** Folders in which every file is pure. */
const PURE_FOLDERS = ['src/model/', 'src/plan/'];

/** What a pure file may import, besides types and other pure files. Names, where only a part of a module is pure. */
const ALLOWED: ReadonlyMap<string, readonly string[] | 'all'> = new Map<string, readonly string[] | 'all'>([
  ['node:assert/strict', 'all'],
  ['node:buffer', 'all'],
  ['node:crypto', ['createHash', 'createHmac', 'hash']],
  ['node:path', ['basename', 'dirname', 'extname', 'isAbsolute', 'join', 'normalize', 'posix']],
  ['node:util', ['parseArgs', 'stripVTControlCharacters']],
  ['node:zlib', ['crc32']],
  ['@aws-sdk/xml-builder', 'all'],
  ['ignore', 'all'],
  ['mrmime', ['lookup']],
  ['picomatch', 'all'],
  ['string-width', 'all'],
  ['yaml', 'all'],
]);

/** What a pure file may not mention: the outside world, and what differs from call to call. */
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [/(?<![.\w])(?:set(?:Timeout|Interval|Immediate)|queueMicro[t]ask)\b/, 'a timer'],
  [/\bDate\.now\b|\bnew Date\(\)|(?<![.\w])performance\./, 'the clock'],
  [/\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b/, 'randomness'],
  [/(?<![.\w])process\./, 'process'],
  [/(?<![.\w])console\./, 'the console'],
  [/(?<![.\w])fetch\(/, 'the network'],
  [/(?<![.\w])global[T]his\b/, 'globalThis'],
  [/(?<![.\w])import\(/, 'a dynamic import'],
];

/** Whether the file claims to be pure. */
export function isPure(source: Source): boolean {
  return source.text.startsWith(PURE);
}

/** Where files break the claim, or a file that must make it does not. */
export function checkPurity(sources: readonly Source[]): Finding[] {
  const pure = new Set(sources.filter(isPure).map(({ path }) => path));
  const silent = sources.filter(
    ({ path }) => PURE_FOLDERS.some((folder) => path.startsWith(folder)) && !pure.has(path),
  );
  return [
    ...silent.map(({ path }) => ({ path, message: `does not start with '${PURE}', all of its folder is pure` })),
    ...sources.filter(isPure).flatMap((source) => impurities(source, pure)),
  ];
}

function impurities(source: Source, pure: ReadonlySet<string>): Finding[] {
  const code = codeOf(source.text);
  const imports = importsOf(source).filter(({ typeOnly }) => !typeOnly);
  return [
    ...imports
      .filter(({ relative, target, names }) => !(relative ? pure.has(target) : isAllowed(target, names)))
      .map(({ relative, target, names }) => {
        return relative
          ? `imports ${target}, which is not pure`
          : `imports ${[target, ...names].join(' ')}, which may not be pure`;
      }),
    ...FORBIDDEN.filter(([pattern]) => pattern.test(code)).map(([, what]) => `uses ${what}`),
  ].map((message) => ({ path: source.path, message }));
}

function isAllowed(target: string, names: readonly string[]): boolean {
  const allowed = ALLOWED.get(target);
  return (
    allowed === 'all' || (allowed !== undefined && names.length > 0 && names.every((name) => allowed.includes(name)))
  );
}
