// Shows how the directories of an agent are, each with a link to all about it. What it says is text, never markup.
import { byId, keepAsking } from './asking.js';
import { verdictOf } from './reading.js';
import { makerOf, say, showEach } from './rows.js';
import { plural, showBuild, showTime } from './words.js';

/** @import { DirectoryStatus, FleetStatus } from '../fleet-control.ts' */

// A name may hold letters that are written from right to left, or say that all are: <bdi> keeps that to itself.
const makeDirectory = makerOf('<li><a></a> <b></b> <span></span> <bdi></bdi></li>');

keepAsking('status', (/** @type {FleetStatus} */ fleet) => {
  const nowMs = Date.parse(fleet.at);
  const { directories } = fleet;
  const seen = directories.map((directory) => ({ ...directory, verdict: verdictOn(directory, nowMs) }));
  const worst = ['bad', 'late', 'busy'].find((kind) => seen.some(({ verdict }) => verdict.kind === kind)) ?? 'good';
  const inSync = directories.filter(({ status }) => status?.inSync).length;
  const headline =
    inSync === directories.length
      ? `All ${plural(inSync, 'directory', 'directories')} in sync`
      : `${inSync} of ${plural(directories.length, 'directory', 'directories')} in sync`;
  byId('verdict').dataset['kind'] = worst;
  say(byId('headline'), headline);
  document.title = `${headline} · awssyncer`;
  showEach(byId('directories'), seen, makeDirectory, (directory, [link, state, since, sides], element) => {
    const { name, local, remote, status, verdict } = directory;
    element.dataset['kind'] = verdict.kind;
    say(link, name);
    // One that has failed or is being opened has no page.
    if (status === null) link.removeAttribute('href');
    else link.setAttribute('href', `directories/${encodeURIComponent(name)}/`);
    say(state, verdict.headline);
    say(since, verdict.since);
    say(sides, `${local} → ${remote}`);
  });
  say(byId('version'), showBuild(fleet));
  say(byId('pid'), String(fleet.pid));
  say(byId('started'), showTime(fleet.since, nowMs));
});

/** @param {DirectoryStatus} directory @param {number} nowMs @returns {ReturnType<typeof verdictOf>} */
function verdictOn({ state, status, failure, failures }, nowMs) {
  if (status === null) {
    if (state === 'ending') return { kind: 'busy', headline: 'Ending', since: '' };
    if (failure === null) return { kind: 'busy', headline: 'Starting', since: '' };
    const since = `${failure.reason} (${showTime(failure.at, nowMs)}, ${plural(failures, 'failure')} so far)`;
    return { kind: 'bad', headline: 'Failed, it is tried again', since };
  }
  const { oldestDirtySeconds } = status;
  const behindSince = oldestDirtySeconds === null ? null : new Date(nowMs - oldestDirtySeconds * 1000).toISOString();
  return verdictOf({ status, behindSince, inSyncSince: null, restore: null, lease: null }, nowMs);
}
