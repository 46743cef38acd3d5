// Pure. The parts of the README that are written from the code, between <!-- NAME:begin --> and <!-- NAME:end -->.
import { EXIT_TEXTS } from '../../src/config/commands.ts';
import { optionTable } from '../../src/config/help.ts';
import type { Finding, Source } from './source.ts';

const BLOCKS: ReadonlyMap<string, () => string> = new Map([
  ['options', optionTable],
  ['exit-codes', exitCodeTable],
]);

function exitCodeTable(): string {
  return ['| Code | Meaning |', '|---|---|', ...EXIT_TEXTS.map(([code, text]) => `| ${code} | ${text} |`)].join('\n');
}

function blockPattern(name: string): RegExp {
  return new RegExp(`(?<=<!-- ${name}:begin -->\n)[^]*?(?=<!-- ${name}:end -->)`);
}

/** The README with every block written anew. */
export function regenerate(readme: string): string {
  return [...BLOCKS].reduce((text, [name, write]) => text.replace(blockPattern(name), () => `${write()}\n`), readme);
}

/** Blocks that are missing, or not what the code says now. */
export function checkDocs(sources: readonly Source[]): Finding[] {
  const readme = sources.find(({ path }) => path === 'README.md')?.text ?? '';
  const missing = [...BLOCKS.keys()].filter((name) => !blockPattern(name).test(readme));
  const stale = regenerate(readme) === readme ? [] : ['does not say what the code says: run npm run docs'];
  return [...missing.map((name) => `has no block <!-- ${name}:begin --> ... <!-- ${name}:end -->`), ...stale].map(
    (message) => ({
      path: 'README.md',
      message,
    }),
  );
}
