// The directories of a file, each with its agent, and what becomes of them when the file says otherwise.
import { isDeepStrictEqual } from 'node:util';
import type { DirectoryConfig } from '../config/config-file.ts';
import { EXIT, type ExitCode, worstExit } from '../model/errors.ts';
import type { FleetDirectory } from '../ops/fleet-control.ts';
import type { Member } from './member.ts';

/** Starts the agent of one. */
export type Open = (directory: DirectoryConfig) => Member;

/** What a change of the file came to; names of directories. */
export interface Change {
  readonly started: readonly string[];
  readonly ended: readonly string[];
}

export class Fleet {
  readonly #open: Open;
  /** In the order of the file. */
  #members: readonly Member[] = [];
  #isEnding = false;
  #changing: Promise<unknown> = Promise.resolve();

  constructor(open: Open) {
    this.#open = open;
  }

  /** It was told to end. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  directories(): FleetDirectory[] {
    return this.#members.map((member) => member.state);
  }

  /**
   * Keeps these directories from now on. What is as before is left alone. What is gone, or is said otherwise, is told to
   * end first, and has ended when anything starts: a directory or a prefix may have changed hands. One change after the
   * other.
   */
  change(directories: readonly DirectoryConfig[]): Promise<Change> {
    const change = this.#changing.then(() => this.#change(directories));
    this.#changing = change.catch(() => undefined);
    return change;
  }

  async #change(directories: readonly DirectoryConfig[]): Promise<Change> {
    const isWanted = ({ directory }: Member) => directories.some((wanted) => isDeepStrictEqual(wanted, directory));
    const leaving = this.#members.filter((member) => !isWanted(member));
    for (const member of leaving) member.tellToEnd('SIGTERM');
    await Promise.all(leaving.map(({ ended }) => ended));
    const staying = this.#members.filter((member) => !leaving.includes(member));
    const started: string[] = [];
    const keep = (directory: DirectoryConfig): Member[] => {
      const found = staying.find((member) => isDeepStrictEqual(member.directory, directory));
      if (found !== undefined) return [found];
      if (this.#isEnding) return [];
      started.push(directory.name);
      return [this.#open(directory)];
    };
    this.#members = directories.flatMap(keep);
    return { started, ended: leaving.map(({ directory }) => directory.name) };
  }

  /** Tells all of them to end, as this signal does; from now on none starts. @returns the worst of their exit codes */
  async end(signal: NodeJS.Signals): Promise<number> {
    this.#isEnding = true;
    for (const member of this.#members) member.tellToEnd(signal);
    return worstOf(await Promise.all(this.#members.map(({ ended }) => ended)));
  }
}

/** By the precedence of exit codes; 128 + n of an interrupted restore is the least of them. */
function worstOf(codes: readonly number[]): number {
  const worst = worstExit(...(codes as ExitCode[]));
  return worst === EXIT.ok ? (codes.find((code) => code !== EXIT.ok) ?? EXIT.ok) : worst;
}
