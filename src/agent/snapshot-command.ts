// One command that makes a snapshot of one file.
import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, fstatSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withoutServiceManager } from '../ops/service-manager.ts';
import { type MadeFile, SnapshotError } from '../transfer/snapshots.ts';
import { codeOf } from '../tree/error-code.ts';

export interface SnapshotCommandOptions {
  /** For /bin/sh. */
  readonly command: string;
  /** The absolute path of the file, one character for each byte. */
  readonly source: string;
  /** Snapshots lie in private directories of their own beneath this one until they are complete. */
  readonly directory: string;
  /** After this long the command and all it started are killed. */
  readonly timeoutMs: number;
  /** The command's. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** What it said last may still be on its way. */
const LAST_WORDS_MS = 1_000;
/** How much of what it says is kept. */
const MAX_REASON = 200;

/** Removes what commands of an agent that died have left. */
export function sweepSnapshots(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/**
 * Runs the command, which is to write the file $AWSSYNCER_SNAPSHOT. When it has ended, and all it started has been killed,
 * nobody can change what it made.
 * @throws {SnapshotError} with a reason for people; the signal's reason
 */
export async function runSnapshotCommand(options: SnapshotCommandOptions): Promise<MadeFile> {
  const { directory, source } = options;
  const bytes = Buffer.from(source, 'latin1');
  const name = bytes.toString();
  if (!Buffer.from(name).equals(bytes)) throw new SnapshotError('its name is not UTF-8: no command can be told it');
  let place: string | undefined;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    place = mkdtempSync(join(directory, 'snapshot-'));
    const made = join(place, 'snapshot');
    await run(options, { AWSSYNCER_SOURCE: name, AWSSYNCER_SNAPSHOT: made });
    return open(made);
  } finally {
    if (place !== undefined) rmSync(place, { recursive: true, force: true });
  }
}

async function run(options: SnapshotCommandOptions, told: Readonly<Record<string, string>>): Promise<void> {
  const { command, env, timeoutMs, signal } = options;
  signal.throwIfAborted();
  // What most agents never start is not loaded with them.
  const { spawn } = await import('node:child_process');
  // Its own process group: what it starts ends with it. Its standard output is nobody's.
  const child = spawn('/bin/sh', ['-c', command], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...withoutServiceManager(env), ...told },
  });
  const kill = (): void => killGroup(child);
  const time = AbortSignal.timeout(timeoutMs);
  const limits = AbortSignal.any([signal, time]);
  limits.addEventListener('abort', kill);
  process.once('exit', kill);
  try {
    const said = hear(child);
    const failure = await endOf(child);
    kill();
    await Promise.race([said.ended, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    child.stderr!.destroy();
    signal.throwIfAborted();
    if (time.aborted) throw new SnapshotError(`its snapshot command has not ended within ${timeoutMs / 1000} s`);
    if (failure !== undefined) throw new SnapshotError(`its snapshot command ${failure}${said.firstLine()}`);
  } finally {
    limits.removeEventListener('abort', kill);
    process.off('exit', kill);
  }
}

/** Undefined if it succeeded. */
function endOf(child: ChildProcess): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  child.once('error', (error) => resolve(`cannot be started (${codeOf(error)})`));
  child.once('exit', (code, signal) => {
    if (signal !== null) resolve(`was ended by ${signal}`);
    else resolve(code === 0 ? undefined : `exited with code ${code}`);
  });
  return promise;
}

/** Reads its standard error as long as it lasts, so that nobody waits for us. */
function hear(child: ChildProcess): { ended: Promise<unknown>; firstLine(): string } {
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    if (text.length < MAX_REASON) text += chunk;
  });
  return {
    ended: new Promise((resolve) => child.once('close', resolve)),
    firstLine() {
      const line = text.trimStart().split('\n')[0]!.slice(0, MAX_REASON).trimEnd();
      return line === '' ? '' : `: ${line}`;
    },
  };
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error; // nobody is left
  }
}

function open(path: string): MadeFile {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw new SnapshotError(`its snapshot command made no file $AWSSYNCER_SNAPSHOT (${codeOf(error)})`);
  }
  const stats = fstatSync(fd);
  if (stats.isFile()) return { fd, sizeBytes: stats.size };
  closeSync(fd);
  throw new SnapshotError('its snapshot command made something else than a file of $AWSSYNCER_SNAPSHOT');
}
