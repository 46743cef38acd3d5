// Pure. Small SVG charts: readable on light and dark pages, without a library, a script or a font of their own.

const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"';

/** Mid-tones that stand out from white and from near-black alike. */
export const COLORS: Readonly<Record<string, string>> = {
  awssyncer: '#e8590c',
  s5cmd: '#228be6',
  rclone: '#12a150',
  aws: '#9c6ade',
  s3cmd: '#868e96',
  mc: '#c2255c',
  lsyncd: '#9c6ade',
};

export const INK = '#7d8590';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A linear or logarithmic axis between two values. */
export interface Axis {
  readonly title: string;
  readonly from: number;
  readonly to: number;
  readonly isLog: boolean;
  readonly ticks: readonly number[];
  readonly label: (value: number) => string;
}

/** Where a value lies between the ends of its axis: 0 to 1. */
export function share({ from, to, isLog }: Axis, value: number): number {
  if (!isLog) return (value - from) / (to - from);
  return (Math.log(value) - Math.log(from)) / (Math.log(to) - Math.log(from));
}

/** Round numbers from 0 to a little above `max`. */
export function linearAxis(title: string, max: number, label: Axis['label'] = String): Axis {
  const rough = (max * 1.08) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((each) => each * power >= rough) ?? 10);
  const count = Math.ceil((max * 1.02) / step);
  const ticks = Array.from({ length: count + 1 }, (_, at) => at * step);
  return { title, from: 0, to: count * step, isLog: false, ticks, label };
}

/** Powers of ten that hold both ends, with 2 and 5 between them where there are few. */
export function logAxis(title: string, [min, max]: readonly [number, number], label: Axis['label'] = String): Axis {
  const [low, high] = [Math.floor(Math.log10(min)), Math.ceil(Math.log10(max))];
  const steps = high - low <= 2 ? [1, 2, 5] : [1];
  const all = Array.from({ length: high - low + 1 }, (_, at) => steps.map((step) => step * 10 ** (low + at))).flat();
  const from = Math.max(...all.filter((each) => each <= min));
  const to = Math.min(...all.filter((each) => each >= max));
  return { title, from, to, isLog: true, ticks: all.filter((each) => each >= from && each <= to), label };
}

export function text(
  content: string,
  options: Point & { anchor?: string; size?: number; color?: string; turned?: true },
) {
  const { x, y, anchor = 'start', size = 12, color = INK, turned } = options;
  const turn = turned ? ` transform="rotate(-90 ${x.toFixed(1)} ${y.toFixed(1)})"` : '';
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" fill="${color}"${turn}>${escaped}</text>`;
}

export function line(from: Point, to: Point, { color = INK, opacity = 0.25, dash = '' } = {}): string {
  const dashes = dash === '' ? '' : ` stroke-dasharray="${dash}"`;
  const [x1, y1, x2, y2] = [from.x, from.y, to.x, to.y].map((each) => each.toFixed(1));
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${color}" stroke-opacity="${opacity}"${dashes}/>`;
}

/** A whole picture; the title is also what a screen reader says. */
export function picture(title: string, { width, height }: { width: number; height: number }, parts: readonly string[]) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" ${FONT}>`,
    `<title>${title}</title>`,
    text(title, { x: 16, y: 24, size: 15 }),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
