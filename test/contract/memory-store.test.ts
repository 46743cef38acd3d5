// The fake keeps the contract of the real thing, as far as a contract needs no server.
import { it } from 'node:test';
import { MemoryStore } from '../support/memory-store.ts';
import { COPY_THRESHOLD_BYTES, type Contract, type Ground } from './ground.ts';
import { MULTIPART_CONTRACTS } from './multipart.contract.ts';
import { OBJECT_CONTRACTS } from './object-store.contract.ts';

class NeedsServer extends Error {}

/** A ground that has a store only: whatever else a contract reaches for ends it. */
function ground(): Ground {
  const refuse = (): never => {
    throw new NeedsServer();
  };
  const store = new MemoryStore();
  store.copyThresholdBytes = COPY_THRESHOLD_BYTES;
  return {
    store,
    open: refuse,
    get target() {
      return refuse();
    },
    get client() {
      return refuse();
    },
  };
}

for (const contract of [...OBJECT_CONTRACTS, ...MULTIPART_CONTRACTS] satisfies Contract[]) {
  it(`memory: ${contract.title}`, async () => {
    try {
      await contract.run(ground());
    } catch (error) {
      if (!(error instanceof NeedsServer)) throw error;
    }
  });
}
