// Path filters for tests.
import type { PathFilter } from '../../src/filter/path-filter.ts';

/** Everything is synchronised. */
export const includeAll: PathFilter = { includes: () => true, descends: () => true, watches: () => true };
