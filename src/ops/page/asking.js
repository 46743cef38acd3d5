// Asks the agent how it is, as long as somebody looks.
import { say } from './rows.js';
import { showTime } from './words.js';

/** Between an answer and the next question. */
const PAUSE_MS = 2_000;
const PATIENCE_MS = 10_000;

export const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * Asks at once, and again after a pause for as long as the page is seen. What has not been answered is said in #silent.
 *
 * @template T
 * @param {string} path relative to the page
 * @param {(answer: T) => void} show
 */
export function keepAsking(path, show) {
  // By the reader's clock.
  let answeredMs = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let next;
  let isAsking = false;
  const ask = async () => {
    clearTimeout(next);
    if (isAsking || document.hidden) return;
    isAsking = true;
    try {
      const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!answer.ok) throw new Error(`it answers with ${answer.status}`);
      show(await answer.json());
      answeredMs = Date.now();
      byId('silent').hidden = true;
    } catch (error) {
      isSilent(/** @type {Error} */ (error), answeredMs);
    }
    isAsking = false;
    next = setTimeout(ask, PAUSE_MS);
  };
  document.addEventListener('visibilitychange', ask);
  void ask();
}

/** @param {Error} error @param {number} answeredMs */
function isSilent({ name, message }, answeredMs) {
  const reason =
    { TypeError: 'it cannot be reached', TimeoutError: 'it is stuck, or the way to it is' }[name] ?? message;
  const last = showTime(new Date(answeredMs).toISOString(), Date.now());
  say(byId('silent'), `No answer from the agent since ${last}: ${reason}. What is shown is of then.`);
  byId('silent').hidden = false;
  byId('verdict').dataset['kind'] = 'unknown';
}
