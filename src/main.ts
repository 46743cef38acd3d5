// The process: argv and env in, exit code out. Nothing else reads process.env or ends the process.
import { constants } from 'node:os';
import { inspect } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import type { CommandContext, CommandFunction } from './cli/context.ts';
import { asksForJson, type ParsedCommand, parseCommandLine } from './config/config.ts';
import { type Command, LONG_COMMANDS } from './config/option.ts';
import { LedgerError } from './ledger/ledger.ts';
import { EXIT, messageOf, OperatorError } from './model/errors.ts';
import type { Trouble } from './ops/activity.ts';
import { harmlessLines } from './ops/harmless.ts';
import { type Log, type LogLevel, type MakeLog, openLogs } from './ops/log.ts';
import { showBuild } from './ops/page/words.js';
import { Secrets } from './ops/redact.ts';
import { Ring } from './ops/ring.ts';
import { Screen } from './ops/screen.ts';
import { StoreError } from './store/errors.ts';

/** Loaded when called: help needs none of them, and none needs all that another does. */
const COMMANDS: { readonly [C in Command]: () => Promise<CommandFunction<C>> } = {
  run: async () => (await import('./cli/run.ts')).run,
  restore: async () => (await import('./cli/restore.ts')).restore,
  watch: async () => (await import('./cli/watch.ts')).watch,
  sync: async () => (await import('./cli/sync.ts')).sync,
  verify: async () => (await import('./cli/verify.ts')).verify,
  agent: async () => (await import('./cli/agent.ts')).agent,
  checkpoints: async () => (await import('./cli/checkpoints.ts')).checkpoints,
  doctor: async () => (await import('./cli/doctor.ts')).doctor,
  status: async () => (await import('./cli/status.ts')).status,
  flush: async () => (await import('./cli/flush.ts')).flush,
  'approve-deletes': async () => (await import('./cli/approve-deletes.ts')).approveDeletes,
};

/** Of which commit this is; scripts/bundle.mjs puts it in, or null where nothing told it. The sources do not know. */
declare const BUILD_COMMIT: string | null;
const BUILD = {
  version: packageJson.version,
  commit: typeof BUILD_COMMIT === 'undefined' ? null : BUILD_COMMIT,
};

type Job = Exclude<ParsedCommand, { command: 'help' | 'version' }>;

const ENDING_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** For so long lines of the log wait for more of them. */
const LOG_PAUSE_MS = 10;

/** How many warnings and errors an agent can be asked for. */
const TROUBLES = 50;

const { redact, conceal } = new Secrets(process.env);
const troubles = new Ring<Trouble>(TROUBLES);
const screen = new Screen(
  (text) => void process.stderr.write(text),
  (flush) => void setTimeout(flush, LOG_PAUSE_MS).unref(),
);
const stdout = (text: string) => {
  screen.makeRoom();
  process.stdout.write(harmlessLines(redact(text)));
};
const stderr = (text: string) => {
  screen.flush();
  process.stderr.write(harmlessLines(redact(text)));
};

/** How errors are told: known once the command line is. */
let debug = false;
let jsonLog: Log | undefined;
/** Why the result could not be written. */
let resultLost: NodeJS.ErrnoException | undefined;

async function main(): Promise<number> {
  if (process.platform !== 'linux') {
    throw new OperatorError(`Cannot start: awssyncer needs Linux and its inotify, this is ${process.platform}`, {
      exitCode: EXIT.fatal,
    });
  }
  const argv = process.argv.slice(2);
  if (asksForJson(argv, process.env)) jsonLog = (await open('json', 'info'))({ troubles });
  const parsed = parseCommandLine(argv, process.env);
  if (parsed.command === 'help') return print(parsed.text);
  if (parsed.command === 'version') return print(`awssyncer ${showBuild(BUILD)}\n`);
  return execute(parsed);
}

function print(text: string): number {
  stdout(text);
  return EXIT.ok;
}

async function execute({ command, config }: Job): Promise<number> {
  debug = config.logLevel === 'debug';
  const makeLog = await open(config.logFormat, config.logLevel);
  const log = makeLog({ troubles });
  // Node prints them as several lines.
  process.removeAllListeners('warning').on('warning', ({ name, message }) => {
    if (name !== 'ExperimentalWarning') log.warn('Node warns', { name, reason: message });
  });
  const isLongRun = LONG_COMMANDS.some((name) => name === command);
  if (process.pid === 1 && isLongRun) (await import('./cli/orphans.ts')).adoptOrphans();
  // Command and config belong together, which the compiler forgets when it looks into the table.
  const start = (await COMMANDS[command]()) as (config: Job['config'], context: CommandContext) => Promise<number>;
  return start(config, {
    env: process.env,
    log,
    ...{ redact, conceal },
    stdout,
    troubles,
    logOf: (directory) => {
      const troubles = new Ring<Trouble>(TROUBLES);
      return { log: makeLog({ troubles, common: { directory } }), troubles };
    },
    screen,
    interactive: process.stderr.isTTY === true && process.env['TERM'] !== 'dumb' && isTold(config.logLevel),
    now: Date.now,
    ...BUILD,
    uid: process.geteuid?.() ?? 0,
    cwd: process.cwd(),
    onSignal,
    dieOf,
  });
}

/** Whether the level lets through what is neither a warning nor an error: a bar is no more than that. */
function isTold(level: LogLevel): boolean {
  return level === 'info' || level === 'debug';
}

function open(format: 'human' | 'json', level: LogLevel): Promise<MakeLog> {
  const colours = process.stderr.isTTY === true && process.stderr.hasColors();
  return openLogs({ format, level, colours, write: (line) => screen.line(line), now: Date.now, redact });
}

/** A result that went nowhere is a failure, whatever was done. */
function end(code: number): void {
  // A failed write is told of after the turn it was made in.
  setImmediate(() => (resultLost === undefined ? process.exit(code) : fail(lostResult(resultLost))));
}

function lostResult(cause: NodeJS.ErrnoException): OperatorError {
  return new OperatorError(`Cannot write to standard output: ${cause.code}`, { exitCode: EXIT.fatal, cause });
}

const onSignal: CommandContext['onSignal'] = (signals, handler) => {
  // On before off: with its last listener gone a signal that is on its way would be lost.
  for (const signal of signals) process.on(signal, handler).off(signal, dieOf);
  return () => {
    for (const signal of signals) {
      if (ENDING_SIGNALS.includes(signal)) process.on(signal, dieOf);
      process.off(signal, handler);
    }
  };
};

function dieOf(signal: NodeJS.Signals): never {
  process.exit(128 + constants.signals[signal]);
}

/** Tells of an error in one line and a hint, and ends. */
function fail(error: unknown): never {
  const expected = error instanceof OperatorError || error instanceof StoreError || error instanceof LedgerError;
  const message = messageOf(error);
  const hint = expected
    ? 'hint' in error && typeof error.hint === 'string'
      ? error.hint
      : undefined
    : `This is a defect in awssyncer${debug ? '' : '; --log-level=debug shows where'}.`;
  if (jsonLog !== undefined) {
    jsonLog.error('cannot go on', { reason: message, hint, stack: debug ? inspect(error) : undefined });
  } else {
    const oneLine = (text: string) => text.replace(/\s*\n\s*/g, ' ');
    stderr(`awssyncer: ${oneLine(message)}\n${hint === undefined ? '' : `  hint: ${oneLine(hint)}\n`}`);
    if (debug) stderr(`${inspect(error)}\n`);
  }
  process.exit(error instanceof OperatorError ? error.exitCode : EXIT.fatal);
}

for (const signal of ENDING_SIGNALS) process.on(signal, dieOf);
// Whoever read the output may have gone; the data still has to reach S3.
process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') resultLost = error;
});
process.on('exit', () => screen.flush());
process.on('uncaughtException', fail);
main().then(end, fail);
