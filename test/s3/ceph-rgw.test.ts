// scripts/ceph-rgw leaves nothing behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { missingCephTool, startCephRgw } from '../support/ceph-rgw.ts';
import { until } from '../support/until.ts';

const STARTER = `
  import { startCephRgw } from ${JSON.stringify(new URL('../support/ceph-rgw.ts', import.meta.url).href)};
  const { env } = await startCephRgw();
  console.log(env.CEPH_RGW_STATE);
  setInterval(() => {}, 1000);
`;

/** Processes whose command line names the state directory. */
function daemonsOf(state: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${state}/ceph.conf`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

const missing = missingCephTool();
if (missing !== undefined) console.log(`scripts/ceph-rgw: not run, ${missing} is not installed`);
else {
  describe('scripts/ceph-rgw', () => {
    it('keeps what it stores from other users, and ends with its caller', async () => {
      const { env, close } = await startCephRgw();
      const state = env['CEPH_RGW_STATE']!;
      assert.equal(statSync(state).mode & 0o777, 0o700);
      assert.equal(daemonsOf(state).length, 3);
      await close();
      assert.deepEqual(daemonsOf(state), []);
      assert.equal(existsSync(state), false);
    });

    it('does not outlive a process that was killed', async () => {
      const starter = spawn(process.execPath, ['--input-type=module', '-e', STARTER], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines = createInterface({ input: starter.stdout });
      const state = await new Promise<string>((resolve) => lines.once('line', resolve));
      assert.equal(daemonsOf(state).length, 3);
      starter.kill('SIGKILL');
      const areGone = () => daemonsOf(state).length === 0 && !existsSync(state);
      await until('the daemons and their directory are gone', areGone, { pauseMs: 20 });
    });
  });
}
