// Pure. What the agent's numbers mean, for people: the status page and `awssyncer status --watch` say the same.
import { plural, showAge, showBytes, showSeconds, showTime } from './words.js';

/** @import { Activity, RestoreState, Sample } from '../activity.ts' */
/** @import { Some } from '../control.ts' */

/** A change that waits for so long is no longer a matter of settling and sending. */
const LATE_SECONDS = 60;

/** A sample that has only begun is taken to be so long. */
const SHORTEST_SECONDS = 0.001;

/**
 * The one thing to know.
 *
 * @param {Pick<Activity, 'status' | 'inSyncSince' | 'behindSince' | 'restore' | 'lease'>} activity
 * @param {number} nowMs
 * @returns {{kind: 'good' | 'busy' | 'late' | 'bad', headline: string, since: string}}
 */
export function verdictOf(activity, nowMs) {
  const { status, inSyncSince, behindSince } = activity;
  const { state, dirty, awaitingProof, rootBroken, heldDeletes, problems } = status;
  if (state === 'starting') return beforeWatching(activity);
  const waits = 'Requests that were cut off may yet execute: S3 is asked when they cannot';
  const oldest =
    behindSince !== null ? `The oldest change is of ${showTime(behindSince, nowMs)}` : awaitingProof > 0 ? waits : '';
  const behind = `${plural(dirty, 'change')} behind`;
  if (state === 'ending')
    return { kind: 'busy', headline: dirty === 0 ? 'Ending' : `Ending, ${behind}`, since: oldest };
  if (status.inSync) {
    return {
      kind: 'good',
      headline: 'In sync',
      since: inSyncSince === null ? '' : `Since ${showTime(inSyncSince, nowMs)}`,
    };
  }
  if (rootBroken !== null) return { kind: 'bad', headline: 'Not in sync', since: oldest };
  if (dirty > 0) {
    const isLate = behindSince !== null && nowMs - Date.parse(behindSince) >= LATE_SECONDS * 1000;
    return { kind: isLate || problems.count > 0 ? 'late' : 'busy', headline: behind, since: oldest };
  }
  const held =
    heldDeletes.count > 0 ? `${plural(heldDeletes.count, 'delete')} held back` : plural(problems.count, 'problem');
  return { kind: 'late', headline: 'Not in sync', since: held };
}

/** @param {Pick<Activity, 'restore' | 'lease'>} activity @returns {ReturnType<typeof verdictOf>} */
function beforeWatching({ restore, lease }) {
  if (restore !== null) {
    const { files, totalFiles, bytes, totalBytes, secondsLeft } = restore;
    const left = secondsLeft === null ? '' : `, ${showSeconds(Math.max(1, secondsLeft))} left`;
    const sizes = `${showBytes(bytes)} of ${showBytes(totalBytes)}`;
    return {
      kind: 'busy',
      headline: 'Restoring',
      since: `${files.toLocaleString('en')} of ${plural(totalFiles, 'file')}, ${sizes}${left}`,
    };
  }
  const waits = lease !== null && !lease.isHeld;
  return { kind: 'busy', headline: 'Starting', since: waits ? 'Waiting for the lease' : 'Finding out what S3 holds' };
}

/** How much of a restore is done, from 0 to 1: by content, where there is any. @param {RestoreState} restore */
export function shareOf({ files, totalFiles, bytes, totalBytes }) {
  return totalBytes > 0 ? bytes / totalBytes : files / Math.max(1, totalFiles);
}

/** @param {Sample} sample */
export function bytesPerSecond({ bytes, seconds }) {
  return bytes / Math.max(seconds, SHORTEST_SECONDS);
}

/** @param {Sample} sample */
export function objectsPerSecond({ objects, seconds }) {
  return objects / Math.max(seconds, SHORTEST_SECONDS);
}

/**
 * What is so now, each with its name.
 *
 * @param {Activity} activity
 * @param {number} nowMs
 * @returns {[name: string, value: string][]}
 */
export function factsOf({ status, behindSince, concurrencyLimit, watches, lease }, nowMs) {
  const { counters, checkpoint, state, dirty, inFlight, overflows } = status;
  const number = (/** @type {number | undefined} */ value = 0) => value.toLocaleString('en');
  return [
    ['State', state],
    ['Behind', dirty === 0 ? 'nothing' : plural(dirty, 'path')],
    ['Oldest change', behindSince === null ? 'none' : showAge((nowMs - Date.parse(behindSince)) / 1000)],
    ['In flight', concurrencyLimit === 0 ? number(inFlight) : `${inFlight} of ${concurrencyLimit} at once`],
    ['Watches', watches.limit === null ? number(watches.used) : `${number(watches.used)} of ${number(watches.limit)}`],
    ['Lease', lease === null ? 'none' : lease.isHeld ? `held, term ${lease.generation}` : 'not held'],
    ['Checkpoint', checkpointWords(checkpoint)],
    ['Uploaded, copied, deleted', ['uploaded', 'copied', 'deleted'].map((name) => number(counters[name])).join(', ')],
    ['Content moved', showBytes(counters['bytes'] ?? 0)],
    ['Events lost', overflows === 0 ? 'never' : plural(overflows, 'time')],
  ];
}

/** @param {Activity['status']['checkpoint']} checkpoint */
function checkpointWords(checkpoint) {
  if (checkpoint === null) return 'not taken';
  if (checkpoint.id === null || checkpoint.ageSeconds === null) return 'none yet';
  return checkpoint.ageSeconds === 0 ? 'of the present' : `${showSeconds(checkpoint.ageSeconds)} old`;
}

/**
 * Something that does not get better by waiting.
 *
 * @typedef {{title: string, text: string, command: string | null, names: Some<string>}} Alarm
 */

/** @type {Pick<Alarm, 'command' | 'names'>} */
const PLAIN = { command: null, names: { count: 0, first: [] } };

/** @param {Activity} activity @returns {Alarm[]} */
export function alarmsOf({ status, approveCommand, lease }) {
  const { rootBroken, heldDeletes, unwatched, state } = status;
  /** @type {Alarm[]} */
  const alarms = [];
  if (rootBroken !== null) {
    const remedy = 'See to it that the right directory is there with all its files, then restart the agent.';
    const text = `${rootBroken}. Nothing is deleted in S3 until a restart. ${remedy}`;
    alarms.push({ ...PLAIN, title: 'LOCAL cannot be trusted as the source', text });
  }
  if (heldDeletes.count > 0) {
    const restart = 'A restart with a higher --max-delete lets them go.';
    const text = `Held because ${heldDeletes.reason}. ${approveCommand === null ? restart : 'If they are meant, this lets them go:'}`;
    alarms.push({
      title: `${plural(heldDeletes.count, 'delete')} held back`,
      text,
      command: approveCommand,
      names: heldDeletes,
    });
  }
  if (lease !== null && !lease.isHeld && state !== 'starting') {
    alarms.push({
      ...PLAIN,
      title: 'The lease is not held',
      text: 'Nothing is written to S3 until it is renewed, which is tried all the time; if another agent has taken it this one ends.',
    });
  }
  if (unwatched.count > 0) {
    const title = `${plural(unwatched.count, 'directory', 'directories')} cannot be watched`;
    const text = 'What changes there is found by scans (--poll-interval), so later.';
    alarms.push({ ...PLAIN, title, text, names: unwatched });
  }
  return alarms;
}

/**
 * @typedef {object} Row
 * @property {string} [what]
 * @property {string} [kind] how it looks: '', warn, error, none
 * @property {string} name
 * @property {string} [detail]
 * @property {string} [at]
 */

/**
 * What goes on and what went on, the same way everywhere.
 *
 * @typedef {object} List
 * @property {'transfers' | 'problems' | 'recent' | 'troubles'} id
 * @property {readonly Row[]} rows
 * @property {string} empty what is said where there are none
 * @property {number} more how many others there are
 */

/** @param {Activity} activity @returns {List[]} */
export function listsOf({ status: { problems }, transfers, recent, troubles }) {
  const underWay = transfers.first.map(({ action, path, count, bytes, sentBytes, since }) => {
    const others = count > 1 ? `and ${plural(count - 1, 'other')}` : '';
    const sent = sentBytes === null || sentBytes === undefined ? '' : `${showBytes(sentBytes)} of `;
    return { what: action, name: path, detail: bytes === null ? others : `${sent}${showBytes(bytes)}`, at: since };
  });
  const wrong = problems.first.map(({ path, kind, reason }) => {
    return { what: kind, kind: kind === 'special' ? '' : 'warn', name: path, detail: reason };
  });
  const done = recent.map(({ action, path, bytes, ageSeconds, at }) => {
    const size = action === 'uploaded' ? `${showBytes(bytes)}, ` : '';
    return { what: action, name: path, detail: `${size}${showSeconds(ageSeconds)} after the change`, at };
  });
  const said = troubles.map(({ at, level, message, fields: { path, reason, ...rest } }) => {
    const about = Object.entries(rest).map(([name, value]) => `${name}: ${value}`);
    const detail = [path === undefined ? [] : message, reason ?? [], about].flat().join(', ');
    return { what: level === 'warn' ? 'warning' : level, kind: level, name: path ?? message, detail, at };
  });
  const left = (/** @type {Some<unknown>} */ { count, first }) => count - first.length;
  return [
    { id: 'transfers', rows: underWay, empty: 'Nothing is being transferred.', more: left(transfers) },
    { id: 'problems', rows: wrong, empty: 'None.', more: left(problems) },
    { id: 'recent', rows: done, empty: 'None since the start.', more: 0 },
    { id: 'troubles', rows: said, empty: 'None since the start.', more: 0 },
  ];
}
