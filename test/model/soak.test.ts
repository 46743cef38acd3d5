// A slice of the soak: `npm run soak` is the same for as long as wanted. AWSSYNCER_TEST_SOAK_S=300 makes this one longer.
import { test } from 'node:test';
import { soak } from '../soak/soak.ts';
import { ALL_TARGETS } from '../support/s3-targets.ts';

const SECONDS = Number(process.env['AWSSYNCER_TEST_SOAK_S'] ?? 10);

test('S2 S4 S6 S9 faults, crashes, overflows, lost ledgers and set clocks: the prefix equals the tree', async () => {
  const seed = Number(process.env['AWSSYNCER_TEST_SEED'] ?? Math.trunc(Math.random() * 1e9));
  const choice = ALL_TARGETS.find(({ name }) => name === 'strict')!;
  await soak({ choice, seconds: SECONDS, seed, say: console.log });
});
