// A terminal that is drawn on as a whole, and is afterwards as it was before.

/** The alternate screen, without a cursor, and without going on in the next row at the end of one. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const TOP = '\x1b[H';
const CLEAR_REST_OF_ROW = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

const CTRL_C = '\x03';
const CTRL_Z = '\x1a';
/** Whoever is to be stopped does not run for so long. */
const NOT_STOPPED_MS = 200;

export interface TerminalEvents {
  /** The size is another one, or what was drawn is gone. */
  readonly onLost: () => void;
  /** q or Ctrl-C was pressed. */
  readonly onEnd: (key: 'q' | 'SIGINT') => void;
}

/** Whether standard output is a terminal that can be drawn on. */
export function canDraw({ TERM }: Readonly<Record<string, string | undefined>>): boolean {
  return process.stdout.isTTY === true && TERM !== 'dumb';
}

export class LiveTerminal {
  readonly #events: TerminalEvents;
  readonly #leave = (): void => this.#restore();
  readonly #resized = (): void => this.#events.onLost();
  readonly #continued = (): void => {
    this.#enter();
    this.#events.onLost();
  };
  readonly #typed = (keys: Buffer): void => this.#onKeys(keys.toString('latin1'));

  constructor(events: TerminalEvents) {
    this.#events = events;
    this.#enter();
    process.stdout.on('resize', this.#resized);
    process.on('SIGCONT', this.#continued);
    if (process.stdin.isTTY) process.stdin.on('data', this.#typed);
    // However the process ends; what a defect has to say is to stay to be read.
    process.on('exit', this.#leave);
    process.on('uncaughtExceptionMonitor', this.#leave);
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = process.stdout;
    // What fills the last column makes some terminals clear it.
    return { columns: Math.max(1, (columns || 80) - 1), rows: rows || 24 };
  }

  get hasColours(): boolean {
    return process.stdout.hasColors();
  }

  /** Replaces what is shown. */
  draw(lines: readonly string[]): void {
    const rows = lines.map((line) => line + CLEAR_REST_OF_ROW).join('\r\n');
    process.stdout.write(TOP + rows + CLEAR_BELOW);
  }

  close(): void {
    process.stdout.off('resize', this.#resized);
    process.off('SIGCONT', this.#continued);
    process.stdin.off('data', this.#typed);
    process.off('exit', this.#leave);
    process.off('uncaughtExceptionMonitor', this.#leave);
    this.#restore();
    process.stdin.pause();
  }

  #enter(): void {
    // Whoever stopped the process has set the terminal to his own needs since, which Node does not know.
    this.#raw(false);
    this.#raw(true);
    process.stdout.write(ENTER);
  }

  #restore(): void {
    process.stdout.write(LEAVE);
    this.#raw(false);
  }

  /** Keys come as they are pressed. */
  #raw(isRaw: boolean): void {
    if (process.stdin.isTTY) process.stdin.setRawMode(isRaw);
  }

  #onKeys(keys: string): void {
    if (keys.includes(CTRL_C)) this.#events.onEnd('SIGINT');
    else if (keys.includes('q')) this.#events.onEnd('q');
    else if (keys.includes(CTRL_Z)) {
      this.#restore();
      process.kill(0, 'SIGTSTP');
      // Where no shell waits for it the kernel stops nothing.
      setTimeout(this.#continued, NOT_STOPPED_MS);
    } else this.#events.onLost();
  }
}
