import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressLines } from '../../src/cli/progress.ts';
import { createLog } from '../../src/ops/log.ts';
import { Screen } from '../../src/ops/screen.ts';

test('long work says every ten seconds how far it has come, until it ends', async () => {
  const lines: string[] = [];
  const log = await createLog({
    ...{ format: 'human', level: 'info', now: () => 0, redact: (text) => text },
    write: (line) => void lines.push(line.slice('00:00:00 '.length)),
  });
  let due: { at: number; call: () => void } | undefined;
  let nowMs = 0;
  let files = 0;
  const pass = (ms: number): void => {
    nowMs += ms;
    const current = due;
    if (current === undefined || current.at > nowMs) return;
    due = undefined;
    current.call();
  };
  const end = progressLines(
    { log },
    () => ({ files }),
    (call, ms) => {
      due = { at: nowMs + ms, call };
      return () => {
        due = undefined;
      };
    },
  );
  pass(9_999);
  assert.deepEqual(lines, []);
  files = 7;
  pass(1);
  files = 9;
  pass(5_000);
  pass(5_000);
  assert.deepEqual(lines, ['working files=7', 'working files=9']);
  end();
  pass(60_000);
  assert.equal(lines.length, 2);
});

test('lines of the log are written together a moment later, and take the row of a progress bar and no other', () => {
  const written: string[] = [];
  const flushes: (() => void)[] = [];
  const screen = new Screen(
    (text) => void written.push(text),
    (flush) => void flushes.push(flush),
  );
  screen.line('first');
  screen.line('second');
  assert.deepEqual([written.length, flushes.length], [0, 1]);
  screen.barIsShown = true;
  flushes[0]!();
  screen.line('third');
  screen.barIsShown = false;
  screen.flush();
  flushes[1]!();
  assert.deepEqual(written, ['\r\x1b[Kfirst\nsecond\n', 'third\n']);
});
