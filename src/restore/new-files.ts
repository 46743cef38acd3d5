// New small files get their place, many by one job of the thread pool: a job for each would cost more than the file.
import { constants } from 'node:os';
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { Stat } from '../model/entry.ts';
import type { NewFile } from '../native/addon.ts';
import { type Digests, HashedRecords } from '../native/hashed-records.ts';
import { BlockedError, ChangedError } from './errors.ts';
import type { FileCalls } from './options.ts';

/** Jobs at once; others, syncfs(2) among them, need threads as well. */
const MAX_JOBS = 2;
/** Files in one job: while one runs, what became of others is worked on, and their successors are asked for. */
const MAX_FILES = 16;

/** What failed, by its number in an answer: `enum call` of native/place.c. */
const CALLS = [
  ...['', 'open', 'open', 'write', 'fchown', 'fchmod', 'futimens', 'fstat', 'readlink', 'rename', 'close', 'verify'],
  'fremovexattr',
];

const VERIFY = CALLS.indexOf('verify');

/** Those of them that prove the directory: when it is opened, and before the file gets its name. */
const PROOFS: ReadonlySet<number> = new Set([1, 8]);

const CHANGED: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EEXIST']);

/** The bytes have not the MD5 that was asked for. */
export class MismatchError extends Error {
  override readonly name = 'MismatchError';
}

/** A file in its place. */
export interface PlacedFile extends Digests {
  readonly stat: Stat;
  /** Nobody else wrote to it meanwhile. */
  readonly untouched: boolean;
}

interface Waiting {
  readonly file: NewFile;
  readonly resolve: (placed: PlacedFile) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers what is complete in one turn of the event loop, or while earlier jobs run. */
export class NewFiles {
  readonly #calls: Pick<FileCalls, 'placeFiles'>;
  #waiting: Waiting[] = [];
  #scheduled = false;
  #jobs = 0;

  constructor(calls: Pick<FileCalls, 'placeFiles'>) {
    this.#calls = calls;
  }

  /**
   * @throws {MismatchError}; {ChangedError} if the name is taken; {BlockedError} if the directory is another by now; the
   * system error.
   */
  place(file: NewFile): Promise<PlacedFile> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ file, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#jobs === MAX_JOBS) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0 && this.#jobs < MAX_JOBS) void this.#run(this.#waiting.splice(0, MAX_FILES));
    });
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    this.#jobs++;
    try {
      const answers = new HashedRecords(await this.#calls.placeFiles(batch.map(({ file }) => file)), batch.length);
      for (const [index, { resolve, reject }] of batch.entries()) {
        const stat = answers.stat(index);
        const more = answers.more(index);
        if (typeof stat === 'number') reject(failureOf(stat, more));
        else resolve({ stat, untouched: more === 0, ...answers.digests(index) });
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#jobs--;
      this.#schedule();
    }
  }
}

function failureOf(errno: number, call: number): Error {
  const { EBADMSG } = constants.errno;
  if (call === VERIFY && errno === -EBADMSG) return new MismatchError('its content has not the MD5 of its ETag');
  // Node has no name for it. File systems have it for metadata that is damaged.
  const code = errno === -EBADMSG ? 'EBADMSG' : getSystemErrorName(errno);
  if (CHANGED.has(code)) {
    if (PROOFS.has(call)) return new BlockedError('its directory was moved away meanwhile');
    return new ChangedError('it changed on disk meanwhile');
  }
  const syscall = CALLS[call] ?? '';
  return Object.assign(new Error(`${code}: ${getSystemErrorMessage(errno)}, ${syscall}`), {
    code,
    syscall,
    errno,
  });
}
