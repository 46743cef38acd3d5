// Pure. A chart of horizontal bars, one group for each kind of work: the median, and the spread as a thin line.
import type { Spread } from '../statistics.ts';
import { type Axis, line, picture, share, text } from './chart.ts';

export interface BarGroup {
  readonly name: string;
  readonly bars: readonly { readonly name: string; readonly color: string; readonly value: Spread }[];
}

const WIDTH = 760;
const BOX = { left: 110, right: 680, top: 44 };
const BAR = 20;
const GAP = 6;
const GROUP_GAP = 34;

export function barChart(
  title: string,
  { x, groups }: { readonly x: Axis; readonly groups: readonly BarGroup[] },
): string {
  const across = (value: number): number => BOX.left + share(x, value) * (BOX.right - BOX.left);
  const parts: string[] = [];
  let y = BOX.top;
  for (const { name, bars } of groups) {
    parts.push(text(name, { x: BOX.left, y: y + 14, size: 13 }));
    y += GROUP_GAP - 10;
    for (const bar of bars) {
      const { median, min, max } = bar.value;
      const middle = y + BAR / 2;
      parts.push(
        text(bar.name, { x: BOX.left - 8, y: middle + 4, anchor: 'end', size: 13, color: bar.color }),
        `<rect x="${BOX.left}" y="${y}" width="${(across(median) - BOX.left).toFixed(1)}" height="${BAR}" rx="2" fill="${bar.color}"/>`,
        ...(max > min ? [line({ x: across(min), y: middle }, { x: across(max), y: middle }, { opacity: 1 })] : []),
        text(x.label(Math.round(median)), { x: Math.max(across(median), across(max)) + 8, y: middle + 4 }),
      );
      y += BAR + GAP;
    }
    y += GROUP_GAP - BAR;
  }
  const grid = x.ticks.flatMap((tick) => [
    line({ x: across(tick), y: BOX.top }, { x: across(tick), y }),
    text(x.label(tick), { x: across(tick), y: y + 18, anchor: 'middle' }),
  ]);
  const axis = text(x.title, { x: (BOX.left + BOX.right) / 2, y: y + 40, anchor: 'middle' });
  return picture(title, { width: WIDTH, height: y + 56 }, [...grid, ...parts, axis]);
}
