// Pure. The order of --first: which paths are wanted before others.
import { subjectOf } from './filter.ts';
import { compileGlob } from './glob.ts';
import type { PathOrder } from './path-filter.ts';

/**
 * Compiles an order.
 *
 * @param globs like those of --include, the most urgent first
 * @throws UsageError for a glob that cannot be used
 */
export function createOrder(globs: readonly string[]): PathOrder {
  const compiled = globs.map(compileGlob);
  return {
    turns: compiled.length + 1,
    turnOf(path) {
      const subject = subjectOf(path, false);
      const turn = compiled.findIndex((glob) => glob.matches(subject));
      return turn < 0 ? compiled.length : turn;
    },
  };
}
