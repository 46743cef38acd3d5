// Pure. RESULTS.md from the data.
import { bestPeer, isPeer, medianOf, wordFor } from './bars.ts';
import type { Report, Series, WorkResult } from './results.ts';
import { megabytes, requestsText, seconds } from './say.ts';
import { quantile, spread } from './statistics.ts';

const PLOT_OF: Readonly<Record<string, string>> = { restore: 'throughput', latency: 'latency', memory: 'memory' };

/** @param plots The names of the plots there are. */
export function markdown(report: Report, plots: readonly string[]): string {
  return `${[heading(report), summary(report), ...report.map((work) => section(work, plots)), commands(report)].join('\n\n')}\n`;
}

function heading(report: Report): string {
  const { machine, versions, missing } = report.at(-1)!.circumstances;
  const times = report.map(({ circumstances }) => circumstances.at).sort();
  const commits = [...new Set(report.map(({ circumstances }) => circumstances.commit))];
  return [
    '# Benchmark results',
    '',
    'Written by `npm run bench -- --results scripts/bench`; how it measures is in [README.md](README.md). All numbers are of one',
    'machine, and only their ratios mean something elsewhere.',
    '',
    table(
      ['', ''],
      [
        ['measured', `${times[0]} to ${times.at(-1)}, commit ${commits.join(', ')}`],
        ...Object.entries(machine),
        ...Object.entries(versions),
        ['not on the machine', missing.join(', ') || 'none'],
      ],
    ),
  ].join('\n');
}

function summary(report: Report): string {
  const rows = report.flatMap(({ name, title, verdicts }) => {
    return verdicts.map((verdict, at) => {
      const word = wordFor(verdict);
      const shown = verdict.passed === true ? word : `**${word}**`;
      return [at === 0 ? `[${title}](#${name})` : '', verdict.bar, verdict.found, shown];
    });
  });
  return `## Bars\n\n${table(['work', 'bar', 'found', ''], rows)}`;
}

function section({ name, title, notes = [], series }: WorkResult, plots: readonly string[]): string {
  const plot = PLOT_OF[name];
  return [
    `<a id="${name}"></a>\n\n## ${title}`,
    ...(plot !== undefined && plots.includes(plot) ? [`![${title}](results/${plot}.svg)`] : []),
    series.some(({ latenciesMs }) => latenciesMs !== undefined) ? latencyTable(series) : runTable(series),
    ...notes,
  ].join('\n\n');
}

function runTable(series: readonly Series[]): string {
  const shown = series.filter(({ runs }) => runs.length > 0);
  const rows = shown.map((each) => {
    const { runs } = each;
    const wall = spread(runs.map(({ wallMs }) => wallMs));
    const last = runs.at(-1)!;
    return [
      nameOf(each),
      runs.length > 1 ? `${seconds(wall.median)} (${seconds(wall.min)} .. ${seconds(wall.max)})` : seconds(wall.median),
      ratio(each, shown, 'wall'),
      seconds(medianOf(each, 'CPU')),
      ratio(each, shown, 'CPU'),
      megabytes(medianOf(each, 'peak RSS')),
      requestsText(last.requests),
      seconds(spread(runs.map(({ serverCpuMs }) => serverCpuMs)).median),
      String(runs.length),
    ];
  });
  return table(
    ['', 'wall (min .. max)', ': best peer', 'CPU', ': best peer', 'peak RSS', 'requests', 'server CPU', 'runs'],
    rows,
  );
}

/** To the best peer at the same thing, for ourselves and the peers. */
function ratio(one: Series, all: readonly Series[], metric: 'wall' | 'CPU'): string {
  const alike = all.filter(({ files, way }) => files === one.files && way === one.way);
  const best = bestPeer(alike, metric);
  if (best === undefined || !(isPeer(one) || one.tool === 'awssyncer')) return '';
  return (medianOf(one, metric) / medianOf(best, metric)).toFixed(2);
}

function latencyTable(series: readonly Series[]): string {
  const rows = series.map((each) => {
    const at = (share: number): string => seconds(quantile(each.latenciesMs ?? [], share));
    return [nameOf(each), at(0.5), at(0.95), at(0.99), at(1), String(each.latenciesMs?.length ?? 0)];
  });
  return table(['', 'p50', 'p95', 'p99', 'max', 'files'], rows);
}

function commands(report: Report): string {
  const lines = report.flatMap(({ title, series }) => {
    const each = series.filter(({ command }) => command !== '').map(({ command }) => `    ${command}`);
    return [`# ${title}`, ...new Set(each), ''];
  });
  return [
    '## Commands',
    '',
    'Directories are below the temporary one of the benchmark. The settings files are in [tools.ts](tools.ts).',
    '',
    '```',
    ...lines.slice(0, -1),
    '```',
  ].join('\n');
}

function nameOf({ tool, way }: Series): string {
  return way === undefined ? tool : `${tool} (${way})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
