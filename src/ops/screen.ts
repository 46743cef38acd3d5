// Standard error of a process: lines of the log, and at most one progress bar below them.

/** Begins the row anew and clears it. */
const CLEAR_ROW = '\r\x1b[K';

/** Keeps lines and the bar apart. The bar draws itself, again and again; a line takes its row. */
export class Screen {
  /** Whether the cursor stands behind a bar. */
  barIsShown = false;
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Writes one line, given without its line feed. */
  line(text: string): void {
    this.#write(`${this.barIsShown ? CLEAR_ROW : ''}${text}\n`);
  }
}
