// The one S3 contract suite, on every server that can run here.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { BENCH } from '../support/bench-server.ts';
import { ALL_TARGETS, availableTargets, plainClient, type S3Target, type TargetChoice } from '../support/s3-targets.ts';
import { type Contract, openStore } from './ground.ts';
import { MULTIPART_CONTRACTS } from './multipart.contract.ts';
import { OBJECT_CONTRACTS } from './object-store.contract.ts';
import { probe } from './probes.ts';

const CONTRACTS: readonly Contract[] = [...OBJECT_CONTRACTS, ...MULTIPART_CONTRACTS];

/** The SDK's is the reference. */
const TRANSPORTS = ['lean', 'sdk'] as const;

function claimsAll({ claims }: TargetChoice, { needs = [] }: Contract): boolean {
  return claims === undefined || needs.every((capability) => claims.has(capability));
}

it('every contract holds on a server that the project did not write', () => {
  const foreign = ALL_TARGETS.filter(({ ours, claims }) => !ours && claims !== undefined);
  const alone = CONTRACTS.filter((contract) => !foreign.some((choice) => claimsAll(choice, contract)));
  assert.deepEqual(alone, []);
});

for (const choice of [...availableTargets(), BENCH]) {
  describe(`contract on ${choice.name}`, () => {
    let target: S3Target;
    let client: S3Client;
    before(async () => {
      target = await choice.start();
      client = plainClient(target);
    });
    after(async () => {
      client.destroy();
      await target.close();
    });

    const claimed = CONTRACTS.filter((each) => claimsAll(choice, each));
    for (const [contract, transport] of claimed.flatMap((each) => TRANSPORTS.map((one) => [each, one] as const))) {
      it(`${transport}: ${contract.title}`, async (test) => {
        if (choice.claims === undefined && !(await hasAll(target, contract))) {
          test.diagnostic(`${choice.name}: not run, the server lacks one of ${contract.needs}`);
          return;
        }
        const opened: ObjectStore[] = [];
        const open = (options: Partial<Parameters<typeof openStore>[1]>) => {
          const store = openStore(target, { bucket, transport, ...options });
          opened.push(store);
          return store;
        };
        const bucket = await target.makeBucket();
        try {
          await contract.run({ store: open({}), target, client, open });
        } finally {
          for (const store of opened) store.close();
        }
      });
    }
  });
}

async function hasAll(target: S3Target, { needs = [] }: Contract): Promise<boolean> {
  for (const capability of needs) if (!(await probe(target, capability))) return false;
  return true;
}
