// Standard error of a process: lines of the log, and at most one progress bar below them.

/** Begins the row anew and clears it. */
const CLEAR_ROW = '\r\x1b[K';

/** Keeps lines and the bar apart. The bar draws itself, again and again; lines take its row. */
export class Screen {
  /** Whether the cursor stands behind a bar. */
  barIsShown = false;
  readonly #write: (text: string) => void;
  readonly #later: (flush: () => void) => void;
  #lines = '';

  /**
   * @param later runs the flush a moment later: a system call for every line of a busy log costs more than what the
   * line tells of
   */
  constructor(write: (text: string) => void, later: (flush: () => void) => void) {
    this.#write = write;
    this.#later = later;
  }

  /** Writes one line, given without its line feed, with the next flush. */
  line(text: string): void {
    if (this.#lines === '') this.#later(() => this.flush());
    this.#lines += `${text}\n`;
  }

  /** Writes the lines that wait: before the process ends. */
  flush(): void {
    if (this.#lines === '') return;
    const text = (this.barIsShown ? CLEAR_ROW : '') + this.#lines;
    this.#lines = '';
    this.#write(text);
  }

  /** The same before anything else is written, to whatever stream; a bar gives up its row to that. */
  makeRoom(): void {
    if (this.#lines !== '') this.flush();
    else if (this.barIsShown) this.#write(CLEAR_ROW);
  }
}
