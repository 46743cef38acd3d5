import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const REAP = new URL('../../src/watch/reap.ts', import.meta.url).href;

test('orphans are reaped, and children of Node keep their exit status', () => {
  // A shell that starts children and then becomes Node leaves it children it never spawned, as process 1 gets orphans.
  const program = `
    import { spawn } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    import { reapOrphans } from ${JSON.stringify(REAP)};
    const orphans = process.argv[1].split(' ').map(Number);
    const state = (pid) => { try { return readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ').at(-1)[0]; } catch { return 'gone'; } };
    while (!orphans.every((pid) => state(pid) === 'Z')) await new Promise((done) => setTimeout(done, 1));
    const child = spawn('sh', ['-c', 'exit 3']);
    const exit = new Promise((done) => child.on('exit', done));
    while (state(child.pid) !== 'Z') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    const reaped = reapOrphans([child.pid]);
    const code = await exit;
    reaped.push(...reapOrphans([]));
    console.log(JSON.stringify({ reaped: reaped.sort(), orphans: orphans.sort(), code, states: orphans.map(state), again: reapOrphans([]) }));`;
  // They end when the shell has become Node: a shell reaps what ended before.
  const orphan = (code: number) =>
    `sh -c 'while read -r name < /proc/$PPID/comm && [ "$name" = sh ]; do :; done; exit ${code}' &`;
  const script = `${orphan(7)} a=$!; ${orphan(8)} exec "$0" --input-type=module -e "$1" "$a $!"`;
  const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' });
  assert.equal(stderr, '');
  const { reaped, orphans, code, states, again } = JSON.parse(stdout);
  assert.deepEqual({ reaped, code, states, again }, { reaped: orphans, code: 3, states: ['gone', 'gone'], again: [] });
});
