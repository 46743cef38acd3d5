import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Progress, progressLines, showEstimate } from '../../src/cli/progress.ts';
import { createLog } from '../../src/ops/log.ts';
import { Pace } from '../../src/ops/pace.ts';
import { Screen } from '../../src/ops/screen.ts';
import type { RestoreProgress } from '../../src/restore/options.ts';
import { ProgressCount } from '../../src/restore/progress-count.ts';

/** A log whose lines come without their time, and a clock with one timer. */
async function stage(format: 'human' | 'json') {
  const lines: string[] = [];
  const log = await createLog({
    ...{ format, level: 'info', now: () => 0, redact: (text) => text },
    write: (line) => void lines.push(format === 'human' ? line.slice('00:00:00 '.length) : line),
  });
  let due: { at: number; call: () => void } | undefined;
  let nowMs = 0;
  return {
    lines,
    log,
    options: {
      now: () => nowMs,
      timer: (call: () => void, ms: number) => {
        due = { at: nowMs + ms, call };
        return () => {
          due = undefined;
        };
      },
    },
    pass: (ms: number): void => {
      for (const endMs = nowMs + ms; due !== undefined && due.at <= endMs; ) {
        const { at, call } = due;
        nowMs = at;
        due = undefined;
        call();
      }
    },
  };
}

test('long work says every ten seconds how far it has come, until it ends', async () => {
  const { lines, log, options, pass } = await stage('human');
  let progress: Progress | undefined;
  const end = progressLines({ log }, () => progress, options);
  pass(9_000);
  assert.deepEqual(lines, []);
  pass(1_000);
  progress = { files: 0, bytes: 0, total: { files: 90, bytes: 90 * 2 ** 20 } };
  pass(1_000);
  progress = { ...progress, files: 9, bytes: 9 * 2 ** 20 };
  pass(9_000);
  assert.deepEqual(lines, [
    'working stage=listing',
    'working: 9 of 90 files, 9.0 MiB of 90.0 MiB, 708.9 KiB/s, 1 min 57 s left',
  ]);
  end();
  pass(60_000);
  assert.equal(lines.length, 2);
});

test('programs are told the same in numbers, and what has no total has no time left', async () => {
  const { lines, log, options, pass } = await stage('json');
  let files = 0;
  const end = progressLines({ log }, () => ({ files, bytes: files * 10, more: { requests: files } }), options);
  pass(1_000);
  files = 18;
  pass(9_000);
  const { time: _, level: __, ...line } = JSON.parse(lines[0]!);
  end();
  assert.deepEqual(Object.keys(line).sort(), ['bytes', 'bytesPerS', 'files', 'filesPerS', 'message', 'requests']);
  assert.deepEqual([line.files, line.bytes, line.requests], [18, 180, 18]);
  assert.ok(line.filesPerS > 1 && line.filesPerS < 2.5, `${line.filesPerS}`);
});

test('steady work has its own pace, and the time left follows from it', () => {
  const pace = new Pace(5_000, { files: 100, bytes: 7 });
  assert.deepEqual([pace.perSecond, pace.leftMs({ files: 1, bytes: 1 })], [undefined, undefined]);
  for (let s = 1; s <= 30; s++) pace.look(5_000 + s * 1_000, { files: 100 + s * 2, bytes: 7 + s * 1_000 });
  const { files, bytes } = pace.perSecond!;
  assert.ok(Math.abs(files - 2) < 1e-9 && Math.abs(bytes - 1_000) < 1e-9, 'what was there before does not count');
  assert.ok(Math.abs(pace.leftMs({ files: 20, bytes: 10_000 })! - 10_000) < 1e-6);
  assert.equal(pace.leftMs({ files: 0, bytes: 0 }), 0);
  assert.equal(pace.leftMs({ files: -1, bytes: -1 }), 0);
});

test('a pace follows what happens now: half of it after ten seconds, and a standstill slows it', () => {
  const pace = new Pace(0, { files: 0, bytes: 0 });
  pace.look(100_000, { files: 0, bytes: 100_000 });
  pace.look(110_000, { files: 0, bytes: 130_000 });
  // 100 s at 1,000 a second count as 50 s by now, 10 s at 3,000 in full.
  assert.ok(Math.abs(pace.perSecond!.bytes - 80_000 / 60) < 1e-9);
  const before = pace.perSecond!.bytes;
  pace.look(115_000, { files: 0, bytes: 130_000 });
  assert.ok(pace.perSecond!.bytes < before);
  pace.look(115_000, { files: 0, bytes: 999_999 });
  assert.ok(pace.perSecond!.bytes < before, 'no time has passed');
});

test('many small files and few large ones are of one measure', () => {
  const pace = new Pace(0, { files: 0, bytes: 0 });
  pace.look(1_000, { files: 1_000, bytes: 0 });
  assert.ok(Math.abs(pace.leftMs({ files: 0, bytes: 1_000 * 64 * 1024 })! - 1_000) < 1e-6);
});

test('what has no bytes is told by files, and the last second is a second', () => {
  const estimate = {
    files: 3,
    bytes: 0,
    total: { files: 4, bytes: 0 },
    perSecond: { files: 1.26, bytes: 0 },
    leftMs: 5,
  };
  assert.equal(showEstimate(estimate), '3 of 4 files, 1.3 files/s, 1.0 s left');
  assert.equal(showEstimate({ files: 3, bytes: 2048, perSecond: undefined, leftMs: undefined }), '3 files, 2.0 KiB');
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
  // Anything else that is written takes the row as well.
  screen.makeRoom();
  assert.equal(written.length, 2);
  screen.barIsShown = true;
  screen.makeRoom();
  screen.line('fourth');
  screen.makeRoom();
  assert.deepEqual(written.slice(2), ['\r\x1b[K', '\r\x1b[Kfourth\n']);
});

test('a restore tells nothing before it knows the total, and no more bytes than there are', () => {
  const told: RestoreProgress[] = [];
  const progress = new ProgressCount((now) => void told.push(now));
  progress.settled();
  assert.deepEqual(told, []);
  progress.begin({ totalFiles: 3, totalBytes: 10 });
  progress.arrived(8);
  progress.arrived(8); // once more, for the first did not arrive whole
  progress.settled();
  const seen = told.map(({ files, bytes }) => [files, bytes]);
  assert.deepEqual(seen, [
    [1, 0],
    [1, 8],
    [1, 10],
    [2, 10],
  ]);
});
