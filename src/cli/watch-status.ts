// `awssyncer status --watch`: how a running agent is, again and again, until it is told to end.
import { constants } from 'node:os';
import { clock } from '../agent/clock.ts';
import type { CommandConfig } from '../config/config.ts';
import { EXIT } from '../model/errors.ts';
import type { Activity } from '../ops/activity.ts';
import { askAgent } from '../ops/control-client.ts';
import type { CommandContext } from './context.ts';
import { findAgent } from './find-agent.ts';
import { paint } from './live/paint.ts';
import { canDraw, LiveTerminal } from './live/terminal.ts';
import { liveView, type Seen, statusLine } from './live/view.ts';

/** Between an answer and the next question. */
const PAUSE_MS = 1_000;
const PATIENCE_MS = 5_000;

/** An agent that is not there at the beginning is a mistake; one that ends meanwhile is waited for. @throws OperatorError */
export async function watchStatus(config: CommandConfig<'status'>, context: CommandContext): Promise<number> {
  const { directory } = await findAgent(config, context);
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const release = context.onSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => end(128 + constants.signals[signal]));
  // Nobody reads any more.
  process.stdout.once('error', () => end(EXIT.ok));
  const way = showing(config, context, end);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  try {
    let seen: Seen | undefined;
    while (!isOver) {
      seen = (await Promise.race([look(directory, seen, context.now), ended.then(() => undefined)])) ?? seen;
      if (!isOver && seen !== undefined) way.show(seen);
      await Promise.race([pause(), ended]);
    }
    return await ended;
  } finally {
    way.close();
    release();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => void clock.timer(resolve, PAUSE_MS));
}

/** @returns undefined: it was there a moment ago, and has never told anything */
async function look(directory: string, before: Seen | undefined, now: () => number): Promise<Seen | undefined> {
  const lost = (reason: string): Seen | undefined =>
    before && {
      activity: before.activity,
      lost: before.lost?.reason === reason ? before.lost : { reason, sinceMs: now() },
    };
  try {
    const answer = await askAgent(directory, { method: 'GET', path: '/activity', timeoutMs: PATIENCE_MS });
    if (answer === undefined) return lost('The agent has ended');
    return answer.code === 200 ? { activity: answer.body as Activity } : lost('The agent cannot tell');
  } catch (error) {
    return lost((error as Error).message);
  }
}

interface Way {
  show(seen: Seen): void;
  close(): void;
}

/** Drawn on a terminal; elsewhere a line for each change, or with --json one each time. */
function showing({ json }: CommandConfig<'status'>, context: CommandContext, end: (code: number) => void): Way {
  const { env, stdout, now } = context;
  if (json) {
    return { show: (seen) => stdout(`${JSON.stringify(jsonOf(seen, now()))}\n`), close() {} };
  }
  if (canDraw(env)) return drawing(now, end);
  let before = '';
  const show = (seen: Seen): void => {
    const line = statusLine(seen);
    if (line !== before) stdout(`${new Date(now()).toTimeString().slice(0, 8)} ${line}\n`);
    before = line;
  };
  return { show, close() {} };
}

/** As /activity answers; of an agent that does not answer, why. */
function jsonOf({ activity, lost }: Seen, nowMs: number): object {
  return lost === undefined ? activity : { at: new Date(nowMs).toISOString(), status: null, reason: lost.reason };
}

function drawing(now: () => number, end: (code: number) => void): Way {
  let latest: Seen | undefined;
  const draw = (): void => {
    if (latest === undefined) return;
    const { columns, rows } = terminal.size;
    const { activity, lost } = latest;
    const nowMs = lost === undefined ? Date.parse(activity.at) : now();
    const lines = liveView(latest, { columns, rows, nowMs, keys: 'q ends' });
    terminal.draw(lines.map((line) => paint(line, { columns, colours: terminal.hasColours })));
  };
  const terminal = new LiveTerminal({
    onLost: draw,
    onEnd: (key) => end(key === 'q' ? EXIT.ok : 128 + constants.signals.SIGINT),
  });
  return {
    show(seen) {
      latest = seen;
      draw();
    },
    close: () => terminal.close(),
  };
}
