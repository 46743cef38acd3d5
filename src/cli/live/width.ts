// Pure. How much room a text takes at a terminal, where a character has no cell, one or two.
import stringWidth from 'string-width';

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });

export { stringWidth as widthOf };

/** As much of the text's beginning as fits. */
function beginning(text: string, cells: number): string {
  let [fitting, used] = ['', 0];
  for (const { segment } of GRAPHEMES.segment(text)) {
    used += stringWidth(segment);
    if (used > cells) break;
    fitting += segment;
  }
  return fitting;
}

/** The text, or its beginning and an ellipsis. */
export function cut(text: string, cells: number): string {
  if (cells <= 0) return '';
  return stringWidth(text) <= cells ? text : `${beginning(text, cells - 1)}…`;
}

/** The text, or its beginning, an ellipsis and its end: of a path, both tell something. */
export function cutMiddle(text: string, cells: number): string {
  if (stringWidth(text) <= cells) return text;
  const tailCells = Math.floor((cells - 1) / 2);
  const reversed = [...GRAPHEMES.segment(text)].map(({ segment }) => segment).reverse();
  const tailLength = beginning(reversed.join(''), tailCells).length;
  return `${beginning(text, cells - 1 - tailCells)}…${text.slice(text.length - tailLength)}`;
}

/** The text, filled up with blanks. */
export function pad(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - stringWidth(text)));
}
