// Pure. May deletes that nobody witnessed go ahead?

/** Both limits must be exceeded for a scan's unwitnessed deletes to be held. */
export interface DeleteBudget {
  readonly count: number;
  /** 0..100, of the keys that are ours. */
  readonly percent: number;
}

/**
 * Whether so many deletes must be held.
 *
 * @param countOurs how many keys are ours; asked only when it matters, for counting a large ledger takes a second
 *
 * | unwitnessed deletes of one scan | decision |
 * |---|---|
 * | at most `count`, or at most `percent` of our keys | go |
 * | more than both | hold |
 */
export function exceedsBudget(deletes: number, countOurs: () => number, budget: DeleteBudget): boolean {
  return deletes > budget.count && deletes * 100 > countOurs() * budget.percent;
}
