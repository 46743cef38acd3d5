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

test('a line of the log takes the row of a progress bar, and no other row', () => {
  const written: string[] = [];
  const screen = new Screen((text) => void written.push(text));
  screen.line('first');
  screen.barIsShown = true;
  screen.line('second');
  screen.barIsShown = false;
  screen.line('third');
  assert.deepEqual(written, ['first\n', '\r\x1b[Ksecond\n', 'third\n']);
});
