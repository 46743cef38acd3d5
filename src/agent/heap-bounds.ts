// How much garbage may lie about: less than V8 would leave on a large machine, where it takes memory for free.
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * Room for new objects, both halves. V8 takes up to 128 MiB; a first sync used them all. Its peak memory and CPU by this
 * limit: 4 MiB 219 MB, 18.7 s; 8 MiB 199 MB, 17.8 s; 16 MiB 157 MB, 15.2 s; 32 MiB 194 MB, 15.9 s; none 275 MB, 18.1 s.
 * With less room objects are taken for old before their time.
 */
const ENOUGH_BYTES = 16 * 1024 * 1024;

/** How much the old objects may grow beyond those in use until garbage is collected; V8 allows up to 300. */
const GROWTH_PERCENT = 100;

/** Small Buffers share memory of this size: the content of a small file costs no allocation of its own. */
const POOL_BYTES = 256 * 1024;

let isBounded = false;

/**
 * From now on the heap of this process stays near what is in use. Both flags are ones that V8 reads each time, unlike its
 * limits, which count only when a process starts.
 */
export function boundHeap(): void {
  if (isBounded) return;
  isBounded = true;
  Buffer.poolSize = POOL_BYTES;
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  let growthFactor = 2;
  const observer = new PerformanceObserver(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    // At rest it shrinks, and may grow again.
    const wanted = young !== undefined && young.space_size >= ENOUGH_BYTES ? 1 : 2;
    if (wanted === growthFactor) return;
    growthFactor = wanted;
    setFlagsFromString(`--semi-space-growth-factor=${wanted}`);
  });
  observer.observe({ entryTypes: ['gc'] });
}
