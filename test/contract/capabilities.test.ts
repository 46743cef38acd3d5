// Each server does what it claims, and no more: a claim that is wrong either way would let contracts go untested.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BENCH } from '../support/bench-server.ts';
import { availableTargets, CAPABILITIES, type S3Target } from '../support/s3-targets.ts';
import { probe } from './probes.ts';

for (const choice of [...availableTargets(), BENCH]) {
  describe(`capabilities of ${choice.name}`, () => {
    let target: S3Target;
    before(async () => {
      target = await choice.start();
    });
    after(() => target.close());

    for (const capability of CAPABILITIES) {
      const claimed = choice.claims?.has(capability);
      it(claimed === undefined ? `knows ${capability}` : `${capability}: ${claimed ? 'yes' : 'no'}`, async () => {
        const present = await probe(target, capability);
        if (claimed !== undefined) assert.equal(present, claimed);
      });
    }
  });
}
