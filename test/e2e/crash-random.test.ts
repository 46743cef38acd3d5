// kill -9 of an agent at random instants while its tree is changed at random, again and again, on one ledger.
// AWSSYNCER_TEST_CRASHES=200 is how often; AWSSYNCER_TEST_SEED=n repeats the changes, though not the instants.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { seededRandom } from '../strict-s3/faults.ts';
import { CRASHES, CrashGround, crashTools, LARGE_BYTES } from '../support/crashes.ts';
import { operate, operations } from '../support/tree-operations.ts';

const TIMES = Number(CRASHES ?? 8);
const SEED = Number(process.env['AWSSYNCER_TEST_SEED'] ?? Date.now() % 1_000_000);

/** It must come to rest after every so many crashes. */
const BETWEEN_RESTS = 4;

test(`S2 ${TIMES} times kill -9 at a random instant, seed ${SEED}: the prefix equals the tree, and no row lies`, async (t) => {
  const ground = new CrashGround(t, await crashTools(t));
  const random = seededRandom(SEED);
  const sequences = fc.sample(operations(), { seed: SEED, numRuns: TIMES });
  mkdirSync(join(ground.root, '../out'));
  ground.write('keep'); // an empty directory is no source
  for (const [index, sequence] of sequences.entries()) {
    const cli = ground.start('watch');
    // Some die while they start, most in the middle of things.
    if (random() < 0.8) await cli.waitForLine(/ watching /);
    ground.write('f', Buffer.alloc(LARGE_BYTES - Math.floor(2 * random()), `${index}`));
    const killed = sleep(random() * 250).then(() => cli.signal('SIGKILL'));
    for (const operation of sequence) {
      operate(ground.root, operation);
      if (random() < 0.5) await sleep(random() * 20);
    }
    await killed;
    await ground.ended(cli);
    if ((index + 1) % BETWEEN_RESTS === 0 || index + 1 === TIMES) await ground.settle();
  }
});
