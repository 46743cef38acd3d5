// Asks the agent how it is and shows it, as long as somebody looks. What the agent says is text, never markup.
import { plot } from './plot.js';
import { alarmsOf, factsOf, verdictOf } from './reading.js';
import { makerOf, say, showEach, showRows } from './rows.js';
import { plural, showBytes, showSeconds, showTime } from './words.js';

/** @import { Activity, Sample } from '../activity.ts' */

/** Between an answer and the next question. */
const PAUSE_MS = 2_000;
const PATIENCE_MS = 10_000;

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

const makeFact = makerOf('<div><dt></dt><dd></dd></div>');
const makeAlarm = makerOf(
  '<div class="alarm"><h2></h2><p></p><code tabindex="0"></code><ul class="rows" tabindex="0" aria-label="Paths"></ul></div>',
);

/** @param {Activity} activity @param {number} nowMs */
function show(activity, nowMs) {
  const { status, restore } = activity;
  say(byId('local'), status.local);
  say(byId('remote'), status.remote);
  say(byId('version'), status.version);
  say(byId('pid'), String(status.pid));
  say(byId('started'), showTime(status.since, nowMs));

  const { kind, headline, since } = verdictOf(activity, nowMs);
  byId('verdict').dataset['kind'] = kind;
  say(byId('headline'), headline);
  say(byId('since'), since);
  document.title = `${headline} · awssyncer`;
  const progress = /** @type {HTMLProgressElement} */ (byId('progress'));
  progress.hidden = restore === null;
  if (restore !== null) {
    const { files, totalFiles, bytes, totalBytes } = restore;
    progress.value = totalBytes > 0 ? bytes / totalBytes : files / Math.max(1, totalFiles);
  }

  showEach(byId('facts'), factsOf(activity, nowMs), makeFact, ([name, value], [term, said]) => {
    say(term, name);
    say(said, value);
  });
  showEach(
    byId('alarms'),
    alarmsOf(activity),
    makeAlarm,
    ({ title, text, command, names }, [head, body, code, list]) => {
      say(head, title);
      say(body, text);
      say(code, command ?? '');
      code.hidden = command === null;
      list.hidden = names.count === 0;
      const rows = names.first.map((name) => ({ name }));
      showRows(list, rows, { nowMs, empty: '', more: names.count - names.first.length });
    },
  );
  showLists(activity, nowMs);
}

/** @param {Activity} activity @param {number} nowMs */
function showLists({ status, transfers, recent, troubles }, nowMs) {
  const underWay = transfers.first.map(({ action, path, count, bytes, since }) => {
    const others = count > 1 ? `and ${plural(count - 1, 'other')}` : '';
    return { what: action, name: path, detail: bytes === null ? others : showBytes(bytes), at: since };
  });
  const more = transfers.count - transfers.first.length;
  showRows(byId('transfers'), underWay, { nowMs, empty: 'Nothing is being transferred.', more });

  const problems = status.problems.first.map(({ path, kind, reason }) => {
    return { what: kind, kind: kind === 'special' ? '' : 'warn', name: path, detail: reason };
  });
  showRows(byId('problems'), problems, { nowMs, empty: 'None.', more: status.problems.count - problems.length });

  const done = recent.map(({ action, path, bytes, ageSeconds, at }) => {
    const size = action === 'uploaded' ? `${showBytes(bytes)}, ` : '';
    return { what: action, name: path, detail: `${size}${showSeconds(ageSeconds)} after the change`, at };
  });
  showRows(byId('recent'), done, { nowMs, empty: 'None since the start.' });

  const said = troubles.map(({ at, level, message, fields: { path, reason, ...rest } }) => {
    const about = Object.entries(rest).map(([name, value]) => `${name}: ${value}`);
    const detail = [path === undefined ? [] : message, reason ?? [], about].flat().join(', ');
    return { what: level === 'warn' ? 'warning' : level, kind: level, name: path ?? message, detail, at };
  });
  showRows(byId('troubles'), said, { nowMs, empty: 'None since the start.' });
}

/** @type {Pick<Activity, 'history' | 'at'> | undefined} */
let drawn;

function draw() {
  if (drawn === undefined) return;
  const nowMs = Date.parse(drawn.at);
  const throughput = pointsOf(drawn.history, ({ bytes, seconds }) => bytes / Math.max(seconds, 0.001));
  const lag = pointsOf(drawn.history, ({ lagSeconds }) => lagSeconds);
  const perSecond = (/** @type {number} */ value) => `${showBytes(value)}/s`;
  const rates = `peak ${perSecond(mostOf(throughput))}`;
  const lags = `peak ${showSeconds(mostOf(lag))}`;
  say(byId('throughput-most'), rates);
  say(byId('lag-most'), lags);
  const label = `Throughput in the last hour: ${rates}`;
  plot(byId('throughput'), throughput, { nowMs, label, show: perSecond, least: 1024, base: 2 });
  plot(byId('lag'), lag, { nowMs, label: `Lag in the last hour: ${lags}`, show: showSeconds, least: 1, base: 10 });
}

/** @param {readonly Sample[]} history @param {(sample: Sample) => number} of */
function pointsOf(history, of) {
  return history.map((sample) => {
    const toMs = Date.parse(sample.at);
    return { fromMs: toMs - sample.seconds * 1000, toMs, value: of(sample) };
  });
}

/** @param {readonly {value: number}[]} points */
function mostOf(points) {
  return Math.max(0, ...points.map(({ value }) => value));
}

/** When the agent answered last, by the reader's clock. */
let answeredMs = Date.now();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let next;
let isAsking = false;

/** And again after a pause, for as long as the page is seen. */
async function ask() {
  clearTimeout(next);
  if (isAsking || document.hidden) return;
  isAsking = true;
  try {
    const answer = await fetch('activity', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`it answers with ${answer.status}`);
    /** @type {Activity} */
    const activity = await answer.json();
    // Ages are reckoned by the clock that the times are of: the reader's may differ.
    show(activity, Date.parse(activity.at));
    drawn = activity;
    draw();
    answeredMs = Date.now();
    byId('silent').hidden = true;
  } catch (error) {
    isSilent(/** @type {Error} */ (error));
  }
  isAsking = false;
  next = setTimeout(ask, PAUSE_MS);
}

/** @param {Error} error */
function isSilent({ name, message }) {
  const reason =
    { TypeError: 'it cannot be reached', TimeoutError: 'it is stuck, or the way to it is' }[name] ?? message;
  const last = showTime(new Date(answeredMs).toISOString(), Date.now());
  say(byId('silent'), `No answer from the agent since ${last}: ${reason}. What is shown is of then.`);
  byId('silent').hidden = false;
  byId('verdict').dataset['kind'] = 'unknown';
}

document.addEventListener('visibilitychange', ask);
new ResizeObserver(draw).observe(byId('throughput'));
void ask();
