// Pure. What `awssyncer status --watch` shows: the agent's activity as lines for a terminal of any size.
import type { Activity, Sample } from '../../ops/activity.ts';
import {
  alarmsOf,
  bytesPerSecond,
  factsOf,
  listsOf,
  objectsPerSecond,
  shareOf,
  verdictOf,
} from '../../ops/page/reading.js';
import { plural, showBytes, showSeconds, showTime } from '../../ops/page/words.js';
import type { Line, Span, Style } from './paint.ts';
import { BAR_SECONDS, sparkline } from './sparkline.ts';
import { cutMiddle, pad, widthOf } from './width.ts';

/** The agent as it was seen last. */
export interface Seen {
  readonly activity: Activity;
  /** Why it does not answer any more; undefined: it does. */
  readonly lost?: { readonly reason: string; readonly sinceMs: number } | undefined;
}

export interface ViewOptions {
  readonly columns: number;
  readonly rows: number;
  /** By the agent's clock. */
  readonly nowMs: number;
  /** Said at the bottom. */
  readonly keys: string;
}

const BLANK: Line = [];
/** With fewer there is more to know that is worth them. */
const ROWS_FOR_GRAPHS = 20;
const TITLES = {
  transfers: 'In flight',
  problems: 'Problems',
  recent: 'Recent changes',
  troubles: 'Warnings and errors',
};
const KINDS: Readonly<Record<string, readonly Style[]>> = { warn: ['late'], error: ['bad'], none: ['quiet'] };

/** As many lines as there are rows, at most. */
export function liveView({ activity, lost }: Seen, options: ViewOptions): Line[] {
  const { rows, nowMs, keys } = options;
  const above = [...headerOf(activity, nowMs), BLANK];
  if (lost !== undefined) {
    above.push(
      [{ text: '● No answer', styles: ['bad', 'strong'] }, { text: `  Since ${showTime(iso(lost.sinceMs), nowMs)}` }],
      [{ text: `  ${lost.reason}. Waiting for it.` }],
      [{ text: `  Before that: ${verdictOf(activity, Date.parse(activity.at)).headline}`, styles: ['quiet'] }],
    );
  } else {
    above.push(...verdictLines(activity, options), ...alarmLines(activity, options), BLANK);
    above.push(...factLines(activity, options));
    if (rows >= ROWS_FOR_GRAPHS) above.push(BLANK, ...graphLines(activity, options));
  }
  const below = lost === undefined ? listLines(activity, options, rows - 1 - above.length) : [];
  return [...[...above, ...below].slice(0, Math.max(0, rows - 1)), [{ text: keys, styles: ['quiet'] }]];
}

function headerOf({ status }: Activity, nowMs: number): Line[] {
  const { version, pid, since, local, remote } = status;
  return [
    [
      { text: `awssyncer ${version}`, styles: ['strong'] },
      { text: `  process ${pid}, started ${showTime(since, nowMs)}`, styles: ['quiet'] },
    ],
    [{ text: `${local} → ${remote}` }],
  ];
}

function verdictLines(activity: Activity, { columns, nowMs }: ViewOptions): Line[] {
  const { kind, headline, since } = verdictOf(activity, nowMs);
  const lines: Line[] = [[{ text: `● ${headline}`, styles: [kind, 'strong'] }, { text: `  ${since}` }]];
  const { restore } = activity;
  if (restore !== null) {
    const share = shareOf(restore);
    lines.push([{ text: `  ${barOf(share, columns - 12)} ${Math.floor(share * 100)} %`, styles: ['busy'] }]);
  }
  return lines;
}

/** As wide as is told, from 0 to 1. */
function barOf(share: number, cells: number): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * Math.max(1, cells));
  return '█'.repeat(full) + '░'.repeat(Math.max(1, cells) - full);
}

/** What needs a decision comes before all numbers; the command for it has a row of its own, to be taken with the mouse. */
function alarmLines(activity: Activity, { columns }: ViewOptions): Line[] {
  return alarmsOf(activity).flatMap(({ title, text, command, names }): Line[] => {
    const { first, count } = names;
    const others = count > first.length ? `, and ${plural(count - first.length, 'other')}` : '';
    return [
      BLANK,
      [{ text: `▲ ${title}`, styles: ['bad', 'strong'] }],
      ...wrapped(text, columns - 3).map((row): Line => [{ text: `  ${row}` }]),
      ...(command === null ? [] : [[{ text: `    ${command}`, styles: ['strong'] }] as Line]),
      ...(count === 0 ? [] : [[{ text: `  ${first.join(', ')}${others}`, styles: ['quiet'] }] as Line]),
    ];
  });
}

/** At blanks. */
function wrapped(text: string, cells: number): string[] {
  const rows = [''];
  for (const word of text.split(' ')) {
    const row = rows.at(-1)!;
    if (row === '') rows[rows.length - 1] = word;
    else if (widthOf(row) + 1 + widthOf(word) <= cells) rows[rows.length - 1] = `${row} ${word}`;
    else rows.push(word);
  }
  return rows;
}

const GAP = '   ';

/** One after the other, in as few rows as they fit into. */
function factLines(activity: Activity, { columns, nowMs }: ViewOptions): Line[] {
  const lines: Span[][] = [];
  let room = 0;
  for (const [name, value] of factsOf(activity, nowMs)) {
    const cells = widthOf(GAP + name + value) + 1;
    const goesOn = cells <= room;
    if (goesOn) lines.at(-1)!.push({ text: GAP });
    else lines.push([]);
    room = goesOn ? room - cells : columns + GAP.length - cells;
    lines.at(-1)!.push({ text: name, styles: ['quiet'] }, { text: ` ${value}` });
  }
  return lines;
}

/** How fast and how late of the last minutes. */
function graphLines({ history }: Activity, { columns, nowMs }: ViewOptions): Line[] {
  const bars = Math.max(8, Math.min(60, Math.floor(columns / 3)));
  const graph = (name: string, of: (sample: Sample) => number, show: (value: number) => string): Line => {
    const { bars: drawn, latest, peak } = sparkline(history, { bars, nowMs, of });
    return [
      { text: pad(name, 12), styles: ['quiet'] },
      { text: drawn, styles: ['busy'] },
      { text: `  ${show(latest)}` },
      { text: `, at most ${show(peak)}`, styles: ['quiet'] },
    ];
  };
  const minutes = Math.floor((bars * BAR_SECONDS) / 60);
  return [
    graph('Throughput', bytesPerSecond, (value) => `${showBytes(Math.round(value))}/s`),
    graph('Objects', objectsPerSecond, (value) => `${value.toFixed(1)}/s`),
    graph('Lag', ({ lagSeconds }) => lagSeconds, showSeconds),
    [{ text: `${' '.repeat(12)}the last ${plural(minutes, 'minute')}`, styles: ['quiet'] }],
  ];
}

/** Lists share the rows that are left, each with a title; what has nothing to say takes none. */
function listLines(activity: Activity, options: ViewOptions, room: number): Line[] {
  const lists = listsOf(activity).filter(({ rows }) => rows.length > 0);
  // A blank row and a title each.
  const shares = share(
    room - 2 * lists.length,
    lists.map(({ rows }) => rows.length),
  );
  return lists.flatMap(({ id, rows, more }, index): Line[] => {
    const count = shares[index]!;
    if (count === 0) return [];
    const left = rows.length - count + more;
    const others = left > 0 ? `  and ${plural(left, 'other')}` : '';
    const title: Line = [
      { text: TITLES[id], styles: ['strong'] },
      { text: others, styles: ['quiet'] },
    ];
    return [BLANK, title, ...rows.slice(0, count).map((row) => rowLine(row, options))];
  });
}

/** Hands out rows one by one, so that none of the lists takes what another needs. */
export function share(room: number, wants: readonly number[]): number[] {
  const shares = wants.map(() => 0);
  for (let left = room; left > 0; ) {
    const hungry = wants.findIndex((want, index) => shares[index]! < want && shares[index] === least(shares, wants));
    if (hungry < 0) break;
    shares[hungry]!++;
    left--;
  }
  return shares;
}

/** The smallest share of those that want more. */
function least(shares: readonly number[], wants: readonly number[]): number {
  return Math.min(...shares.filter((taken, index) => taken < wants[index]!));
}

type Row = ReturnType<typeof listsOf>[number]['rows'][number];

function rowLine({ what = '', kind = '', name, detail = '', at }: Row, { columns, nowMs }: ViewOptions): Line {
  const time = at === undefined ? '' : `  ${showTime(at, nowMs)}`;
  return [
    { text: `  ${pad(what, 11)}`, styles: KINDS[kind] ?? [] },
    { text: cutMiddle(name, Math.max(12, Math.floor(columns * 0.4))) },
    { text: detail === '' ? '' : `  ${detail}`, styles: ['quiet'] },
    { text: time, styles: ['quiet'] },
  ];
}

/** Where nothing can be drawn: one line, the same as long as nothing has happened. */
export function statusLine({ activity, lost }: Seen): string {
  if (lost !== undefined) return `no answer: ${lost.reason}`;
  const { status, transfers } = activity;
  const { counters, problems, heldDeletes } = status;
  const { headline, since } = verdictOf(activity, Date.parse(activity.at));
  const words = [
    status.state === 'starting' && since !== '' ? `${headline}: ${since}` : headline,
    `${counters['uploaded'] ?? 0} uploaded (${showBytes(counters['bytes'] ?? 0)})`,
    `${counters['deleted'] ?? 0} deleted`,
    transfers.count > 0 ? `${transfers.count} in flight` : '',
    problems.count > 0 ? plural(problems.count, 'problem') : '',
    heldDeletes.count > 0 ? `${plural(heldDeletes.count, 'delete')} held back` : '',
  ];
  return words.filter((word) => word !== '').join(', ');
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
