// What a command did, in numbers.

/** Counts since start; `bytes` are content bytes sent or received. */
export interface Counters {
  uploaded: number;
  copied: number;
  adopted: number;
  deleted: number;
  /** Looked at by a scan and found as the ledger says. */
  unchanged: number;
  bytes: number;
  requests: number;
}

export function newCounters(): Counters {
  return { uploaded: 0, copied: 0, adopted: 0, deleted: 0, unchanged: 0, bytes: 0, requests: 0 };
}
