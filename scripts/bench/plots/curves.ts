// Pure. A chart of curves: both axes labelled, each curve named at its end.
import { type Axis, line, type Point, picture, share, text } from './chart.ts';

export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly points: readonly Point[];
  /** Small circles at the points, where they were measured one by one. */
  readonly isDotted?: boolean;
}

const SIZE = { width: 780, height: 400 };
const BOX = { left: 72, right: 630, top: 44, bottom: 346 };

/** The names of curves keep this far apart. */
const NAME_HEIGHT = 16;

export function curveChart(
  title: string,
  {
    x,
    y,
    curves,
    limit,
  }: {
    readonly x: Axis;
    readonly y: Axis;
    readonly curves: readonly Curve[];
    /** A horizontal line at a value of the y axis. */
    readonly limit?: { readonly value: number; readonly name: string };
  },
): string {
  const place = (point: Point): Point => ({
    x: BOX.left + share(x, point.x) * (BOX.right - BOX.left),
    y: BOX.bottom - share(y, point.y) * (BOX.bottom - BOX.top),
  });
  const grid = [
    ...y.ticks.flatMap((tick) => {
      const at = place({ x: x.from, y: tick });
      return [
        line(at, { x: BOX.right, y: at.y }),
        text(y.label(tick), { x: BOX.left - 8, y: at.y + 4, anchor: 'end' }),
      ];
    }),
    ...x.ticks.flatMap((tick) => {
      const at = place({ x: tick, y: y.from });
      return [
        line(at, { x: at.x, y: BOX.top }),
        text(x.label(tick), { x: at.x, y: BOX.bottom + 18, anchor: 'middle' }),
      ];
    }),
    text(x.title, { x: (BOX.left + BOX.right) / 2, y: BOX.bottom + 40, anchor: 'middle' }),
    text(y.title, { x: 20, y: (BOX.top + BOX.bottom) / 2, anchor: 'middle', turned: true }),
  ];
  const drawn = curves.map(({ color, points, isDotted }) => {
    const placed = points.map(place);
    const path = placed.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(' ');
    const dots = placed.map(
      (point) => `<circle cx="${point.x.toFixed(1)}" cy="${point.y.toFixed(1)}" r="3.5" fill="${color}"/>`,
    );
    return `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2.2" stroke-linejoin="round"/>${isDotted ? dots.join('') : ''}`;
  });
  const names = apart(curves.map(({ name, color, points }) => ({ name, color, y: place(points.at(-1)!).y }))).map(
    ({ name, color, y: at }) => text(name, { x: BOX.right + 10, y: at + 4, size: 13, color }),
  );
  return picture(title, SIZE, [...grid, ...(limit === undefined ? [] : limitLine(limit, place)), ...drawn, ...names]);

  function limitLine({ value, name }: { value: number; name: string }, where: typeof place): string[] {
    const at = where({ x: x.from, y: value });
    return [
      line(at, { x: BOX.right, y: at.y }, { opacity: 0.9, dash: '5 4' }),
      text(name, { x: at.x + 6, y: at.y - 6 }),
    ];
  }
}

/** Moves names down that would lie on another one. */
function apart<T extends { readonly y: number }>(names: readonly T[]): T[] {
  const placed: T[] = [];
  for (const name of [...names].sort((a, b) => a.y - b.y)) {
    const lowest = (placed.at(-1)?.y ?? Number.NEGATIVE_INFINITY) + NAME_HEIGHT;
    placed.push({ ...name, y: Math.max(name.y, lowest) });
  }
  // What was pushed out of the picture pushes back.
  const excess = Math.max(0, (placed.at(-1)?.y ?? 0) - BOX.bottom);
  return placed.map((name) => ({ ...name, y: name.y - excess }));
}
