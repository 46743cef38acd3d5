// Pure. What is written from the code: files, and parts of documents between <!-- NAME:begin --> and <!-- NAME:end -->.
import { EXIT_TEXTS } from '../../src/config/commands.ts';
import { optionTable } from '../../src/config/help.ts';
import { LOG_KEYS } from '../../src/ops/log-keys.ts';
import { METRICS } from '../../src/ops/metrics.ts';
import { dashboard } from '../dashboard/dashboard.ts';
import type { Finding, Source } from './source.ts';

/** By document, what writes its blocks. */
const BLOCKS: ReadonlyMap<string, Readonly<Record<string, () => string>>> = new Map([
  ['src/REFERENCE.md', { options: optionTable, 'exit-codes': exitCodeTable }],
  ['src/OPERATIONS.md', { metrics: metricTable, 'log-keys': logKeyTable }],
]);

/** What writes whole files. */
const FILES: ReadonlyMap<string, () => string> = new Map([['docker/grafana/awssyncer.json', dashboard]]);

/** The paths of all of them. */
export const GENERATED: readonly string[] = [...BLOCKS.keys(), ...FILES.keys()];

function exitCodeTable(): string {
  return ['| Code | Meaning |', '|---|---|', ...EXIT_TEXTS.map(([code, text]) => `| ${code} | ${text} |`)].join('\n');
}

function metricTable(): string {
  const rows = METRICS.map(({ name, type, labels, help }) => {
    const labelled = labels.length === 0 ? '' : `{${labels.join(', ')}}`;
    return `| \`${name}${labelled}\` | ${type} | ${help.replaceAll('|', '\\|')} |`;
  });
  return ['| Metric | Type | Meaning |', '|---|---|---|', ...rows].join('\n');
}

function logKeyTable(): string {
  const rows = Object.entries(LOG_KEYS).map(([name, key]) => {
    const type = key.type === 'path' ? 'string' : key.type;
    return `| \`${name}\` | ${'unit' in key ? `${type}, ${key.unit}` : type} | ${key.help} |`;
  });
  return ['| Key | Type | Meaning |', '|---|---|---|', ...rows].join('\n');
}

function blockPattern(name: string): RegExp {
  return new RegExp(`(?<=<!-- ${name}:begin -->\n)[^]*?(?=<!-- ${name}:end -->)`);
}

/** The document with every block written anew, or the whole file. */
export function regenerate(path: string, before: string): string {
  const whole = FILES.get(path);
  if (whole !== undefined) return whole();
  return Object.entries(BLOCKS.get(path) ?? {}).reduce(
    (text, [name, write]) => text.replace(blockPattern(name), () => `${write()}\n`),
    before,
  );
}

/** Blocks that are missing, and whatever is not what the code says now. */
export function checkDocs(sources: readonly Source[]): Finding[] {
  return GENERATED.flatMap((path) => {
    const text = sources.find((source) => source.path === path)?.text ?? '';
    const missing = Object.keys(BLOCKS.get(path) ?? {}).filter((name) => !blockPattern(name).test(text));
    const stale = regenerate(path, text) === text ? [] : ['does not say what the code says: run npm run docs'];
    return [...missing.map((name) => `has no block <!-- ${name}:begin --> ... <!-- ${name}:end -->`), ...stale].map(
      (message) => ({ path, message }),
    );
  });
}
