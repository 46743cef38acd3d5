// Pure. The lease as it lies in S3: who may write beneath the prefix, and for how long that must be believed.

/** Beneath the prefix; reserved, so no listing, restore or comparison ever sees it. */
export const LEASE_KEY = '.awssyncer/lease';

/** `active`: renewed all the time; `lazy`: renewed while there is something to write. */
export type LeaseMode = 'active' | 'lazy';

export interface LeaseDocument {
  /** The state directory of the holder, by a random name. */
  readonly holder: string;
  /** Random, one for each process: tells the holder its own writes from everybody else's. */
  readonly term: string;
  /** Grows with every change of term. */
  readonly generation: number;
  /** The ledger of the holder held everything that was written up to this generation; null: it had to ask S3. */
  readonly continues: number | null;
  /** Makes every write of a term another object. */
  readonly sequence: number;
  /** The holder has ended in order: everything it wrote is in S3. */
  readonly released: boolean;
  readonly ttlMs: number;
  readonly mode: LeaseMode;
  /** The machine, from its start to its end. */
  readonly boot: string;
  /** For people, like the rest. */
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** When the term began, by the holder's wall clock. */
  readonly since: string;
}

export function encodeLease(document: LeaseDocument): Buffer {
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

/** undefined for anything but a lease: whoever wrote it may still hold something. */
export function decodeLease(bytes: Buffer): LeaseDocument | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
  return isLease(value) ? value : undefined;
}

const TYPES: { readonly [K in keyof LeaseDocument]: (value: unknown) => boolean } = {
  holder: isText,
  term: isText,
  generation: isCount,
  continues: (value) => value === null || isCount(value),
  sequence: isCount,
  released: (value) => typeof value === 'boolean',
  ttlMs: isCount,
  mode: (value) => value === 'active' || value === 'lazy',
  boot: isText,
  host: isText,
  pid: isCount,
  version: isText,
  since: isText,
};

function isLease(value: unknown): value is LeaseDocument {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  return Object.entries(TYPES).every(([name, isType]) => isType(fields[name]));
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
