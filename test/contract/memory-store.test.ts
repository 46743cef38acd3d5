// The fake keeps the contract of the real thing, as far as a contract needs no server; and so does what stands before it.
import { it } from 'node:test';
import { clock } from '../../src/agent/clock.ts';
import { limitedStore } from '../../src/agent/limited-store.ts';
import type { ObjectStore } from '../../src/store/object-store.ts';
import { Bandwidth } from '../../src/transfer/bandwidth.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { COPY_THRESHOLD_BYTES, type Contract, type Ground } from './ground.ts';
import { MULTIPART_CONTRACTS } from './multipart.contract.ts';
import { OBJECT_CONTRACTS } from './object-store.contract.ts';

class NeedsServer extends Error {}

/** A ground that has a store only: whatever else a contract reaches for ends it. */
function ground(before: (store: ObjectStore) => ObjectStore): Ground {
  const refuse = (): never => {
    throw new NeedsServer();
  };
  const store = new MemoryStore();
  store.copyThresholdBytes = COPY_THRESHOLD_BYTES;
  return {
    store: before(store),
    open: refuse,
    get target() {
      return refuse();
    },
    get client() {
      return refuse();
    },
  };
}

const STORES: Readonly<Record<string, (store: ObjectStore) => ObjectStore>> = {
  memory: (store) => store,
  'memory, with a bandwidth': (store) => limitedStore(store, new Bandwidth({ ...clock, bytesPerSecond: 2 ** 34 })),
};

for (const [name, before] of Object.entries(STORES)) {
  for (const contract of [...OBJECT_CONTRACTS, ...MULTIPART_CONTRACTS] satisfies Contract[]) {
    it(`${name}: ${contract.title}`, async () => {
      try {
        await contract.run(ground(before));
      } catch (error) {
        if (!(error instanceof NeedsServer)) throw error;
      }
    });
  }
}
