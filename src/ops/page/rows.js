// Brings what is shown in line with what is to be shown, and leaves alone what is so already: nothing is announced twice,
// no selection and no focus is lost. Texts are set as text.
import { plural, showTime } from './words.js';

/** @import { Row } from './reading.js' */

/** @param {Element} element @param {string} text */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes elements. @param {string} html of our own, without anything of the agent's @returns {() => HTMLElement} */
export function makerOf(html) {
  const template = document.createElement('template');
  template.innerHTML = html;
  const element = /** @type {HTMLElement} */ (template.content.firstElementChild);
  return () => /** @type {HTMLElement} */ (element.cloneNode(true));
}

/**
 * One child for each item.
 *
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {() => HTMLElement} make
 * @param {(item: T, parts: [HTMLElement, HTMLElement, HTMLElement, HTMLElement], element: HTMLElement) => void} showOne gets the child's children
 */
export function showEach(parent, items, make, showOne) {
  while (parent.children.length > items.length) parent.lastElementChild?.remove();
  while (parent.children.length < items.length) parent.append(make());
  for (const [index, item] of items.entries()) {
    const element = /** @type {HTMLElement} */ (parent.children[index]);
    showOne(item, /** @type {[HTMLElement, HTMLElement, HTMLElement, HTMLElement]} */ ([...element.children]), element);
  }
}

// A name may hold letters that are written from right to left, or say that all are: <bdi> keeps that to itself.
const makeRow = makerOf('<li><b></b> <bdi></bdi> <span></span> <time></time></li>');

/** @param {Element} list @param {readonly Row[]} rows @param {{nowMs: number, empty: string, more?: number}} options */
export function showRows(list, rows, { nowMs, empty, more = 0 }) {
  /** @type {Row[]} */
  const all = [...rows];
  if (more > 0) all.push({ name: `and ${plural(more, 'other')}`, kind: 'none' });
  if (all.length === 0) all.push({ name: empty, kind: 'none' });
  showEach(
    list,
    all,
    makeRow,
    ({ what = '', kind = '', name, detail = '', at }, [whatOf, nameOf, detailOf, time], item) => {
      item.className = kind;
      say(whatOf, what);
      say(nameOf, name);
      say(detailOf, detail);
      say(time, at === undefined ? '' : showTime(at, nowMs));
      if (at !== undefined) time.setAttribute('datetime', at);
    },
  );
}
