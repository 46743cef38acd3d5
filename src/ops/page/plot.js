// Plots of the last hour, as SVG. A plot is drawn to the width it has, so that its text is never stretched.

/**
 * What was so for a stretch of time.
 *
 * @typedef {{fromMs: number, toMs: number, value: number}} Point
 *
 * @typedef {object} PlotOptions
 * @property {number} nowMs the right edge
 * @property {string} label what it shows, in words
 * @property {(value: number) => string} show
 * @property {number} least the scale goes up to this at least
 * @property {2 | 10} base of the unit's steps: 2 for bytes
 *
 * @typedef {{x: (ms: number) => number, y: (value: number) => number}} Scale
 */

const HOUR_MS = 3_600_000;
const HEIGHT = 96;
const [TOP, BOTTOM] = [16, 18];

/** Points that are closer follow one another; where there is none, nothing was done. */
const GAP_MS = 2_000;

/** Draws into `element`, in place of what it held. @param {Element} element @param {Point[]} points @param {PlotOptions} options */
export function plot(element, points, { nowMs, label, show, least, base }) {
  const width = Math.max(160, element.clientWidth);
  const most = roundedUp(Math.max(least, ...points.map(({ value }) => value)), base);
  /** @type {Scale} */
  const scale = {
    x: (ms) => Math.max(0, ((ms - nowMs + HOUR_MS) / HOUR_MS) * width),
    y: (value) => HEIGHT - BOTTOM - (value / most) * (HEIGHT - BOTTOM - TOP),
  };
  const { y } = scale;
  const size = { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT };
  const svg = shape('svg', { ...size, role: 'img', 'aria-label': label });
  for (const value of [0, most / 2, most])
    svg.append(shape('line', { class: 'grid', x1: 0, x2: width, y1: y(value), y2: y(value) }));
  svg.append(words(show(most), { x: 0, y: TOP - 5 }));
  svg.append(words('1 h ago', { x: 0, y: HEIGHT - 4 }));
  svg.append(words('30 min ago', { x: width / 2, y: HEIGHT - 4, 'text-anchor': 'middle' }));
  svg.append(words('now', { x: width, y: HEIGHT - 4, 'text-anchor': 'end' }));
  for (const run of runsOf(points)) {
    svg.append(
      shape('path', { class: 'area', d: `${outline(run, scale)}Z` }),
      shape('path', { class: 'line', d: outline(run, scale) }),
    );
  }
  element.replaceChildren(svg);
}

/** @param {Point[]} points @returns {Point[][]} */
function runsOf(points) {
  /** @type {Point[][]} */
  const runs = [];
  let endMs = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    if (point.fromMs - endMs < GAP_MS) runs.at(-1)?.push(point);
    else runs.push([point]);
    endMs = point.toMs;
  }
  return runs;
}

/** From the base line up, over the steps, and down again. @param {Point[]} run @param {Scale} scale */
function outline(run, { x, y }) {
  const steps = run.map(({ fromMs, toMs, value }) => `L${px(x(fromMs))} ${px(y(value))}H${px(x(toMs))}`);
  return `M${px(x(run[0]?.fromMs ?? 0))} ${y(0)}${steps.join('')}V${y(0)}`;
}

/** The next power of 2; or of 1, 2 and 5 times a power of 10. @param {number} value @param {2 | 10} base */
function roundedUp(value, base) {
  if (base === 2) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

/** @param {number} value */
function px(value) {
  return Math.round(value * 10) / 10;
}

/** @param {string} name @param {Record<string, unknown>} attributes */
function shape(name, attributes) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** @param {string} said @param {Record<string, unknown>} attributes */
function words(said, attributes) {
  const element = shape('text', attributes);
  element.textContent = said;
  return element;
}
