// Shows how an agent is. What it says is text, never markup.
import { byId, keepAsking } from './asking.js';
import { plot } from './plot.js';
import { alarmsOf, bytesPerSecond, factsOf, listsOf, shareOf, verdictOf } from './reading.js';
import { makerOf, say, showEach, showRows } from './rows.js';
import { showBuild, showBytes, showSeconds, showTime } from './words.js';

/** @import { Activity, Sample } from '../activity.ts' */

const makeFact = makerOf('<div><dt></dt><dd></dd></div>');
const makeAlarm = makerOf(
  '<div class="alarm"><h2></h2><p></p><code tabindex="0"></code><ul class="rows" tabindex="0" aria-label="Paths"></ul></div>',
);

/** @param {Activity} activity @param {number} nowMs */
function show(activity, nowMs) {
  const { status, restore } = activity;
  say(byId('local'), status.local);
  say(byId('remote'), status.remote);
  say(byId('version'), showBuild(status));
  say(byId('pid'), String(status.pid));
  say(byId('started'), showTime(status.since, nowMs));

  const { kind, headline, since } = verdictOf(activity, nowMs);
  byId('verdict').dataset['kind'] = kind;
  say(byId('headline'), headline);
  say(byId('since'), since);
  document.title = `${headline} · awssyncer`;
  const progress = /** @type {HTMLProgressElement} */ (byId('progress'));
  progress.hidden = restore === null;
  if (restore !== null) progress.value = shareOf(restore);

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
function showLists(activity, nowMs) {
  for (const { id, rows, empty, more } of listsOf(activity)) showRows(byId(id), rows, { nowMs, empty, more });
}

/** @type {Pick<Activity, 'history' | 'at'> | undefined} */
let drawn;

function draw() {
  if (drawn === undefined) return;
  const nowMs = Date.parse(drawn.at);
  const throughput = pointsOf(drawn.history, bytesPerSecond);
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

new ResizeObserver(draw).observe(byId('throughput'));
keepAsking('activity', (/** @type {Activity} */ activity) => {
  // Ages are reckoned by the clock that the times are of: the reader's may differ.
  show(activity, Date.parse(activity.at));
  drawn = activity;
  draw();
});
