import type { Operation } from './operations.ts';

/**
 * How far a request has come:
 * - `start`: its headers are read, its body is not;
 * - `body`: half of its body is read;
 * - `commit`: it is read and verified, and not executed;
 * - `answer`: it is executed, and not answered.
 */
export type Stage = 'start' | 'body' | 'commit' | 'answer';

/** What happens to a request. Where a stage can be chosen, the default is `start`. */
export type Effect =
  /** Answers an error; at `answer` the request has been executed all the same. */
  | {
      readonly kind: 'status';
      readonly code: string;
      /** The usual one of the code by default. */
      readonly status?: number;
      readonly message?: string;
      readonly retryAfterS?: number;
      readonly at?: Stage;
    }
  /** Cuts the connection. */
  | { readonly kind: 'reset'; readonly at?: Stage }
  /** Never answers; the connection stays open until the server closes. */
  | { readonly kind: 'hang'; readonly at?: Stage }
  | { readonly kind: 'delay'; readonly ms: number; readonly at?: Stage }
  /** Holds the request until the handle is opened or releases it. */
  | { readonly kind: 'gate'; readonly at?: Stage }
  /** Reads the request, cuts the connection, and executes it `afterMs` later, or when the handle releases it. */
  | { readonly kind: 'late'; readonly afterMs?: number }
  /** Takes the request's body slowly. */
  | { readonly kind: 'slow-body'; readonly bytesPerSecond: number }
  /** Sends the answer's body slowly. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Cuts the connection after that many bytes of the answer's body; half of it by default. */
  | { readonly kind: 'truncate'; readonly bytes?: number }
  /** Executes the request and answers 200, or another status, with something that is no answer, or what `change` makes of it. */
  | { readonly kind: 'garbage'; readonly change?: (body: Buffer) => Buffer; readonly status?: number }
  /** Answers 200 with an error for a body, as Copy and Complete do on AWS; not executed unless `committed`. */
  | { readonly kind: 'error-body'; readonly code: string; readonly committed?: boolean };

/**
 * `DeleteObjectsKey` is one key inside a DeleteObjects request; its only effect is `status`. Only a server can do that:
 * the request is signed, and cannot be changed on its way.
 */
export type FaultTarget = Operation | 'DeleteObjectsKey';

/** Which requests are hit, and how. The first rule that matches a request is the only one that does. */
export interface FaultRule {
  /** Any by default. */
  readonly operation?: FaultTarget | readonly FaultTarget[];
  readonly bucket?: string;
  /** Any by default; a bucket's own requests have the key ''. */
  readonly key?: RegExp;
  /** How many matching requests pass first; 0 by default. */
  readonly after?: number;
  /** How many are hit then; all by default. */
  readonly times?: number;
  /** So many matching requests a second pass unharmed, and as many at once after a pause: a limit on the rate. */
  readonly sparedPerSecond?: number;
  /** Hits a request if this returns less than `probability`; see seededRandom. */
  readonly random?: () => number;
  /** 1 by default. */
  readonly probability?: number;
  /** One, or several of which `random` picks one. */
  readonly effect: Effect | readonly Effect[];
}

/** Steers one rule. */
export interface FaultHandle {
  /** How many requests it has hit. */
  readonly hits: number;
  /** Resolves as soon as this many requests are being held (`gate`, `late`, `hang`). */
  waiting(requests?: number): Promise<void>;
  /** Lets go what is held now; later requests are held again. Resolves when those requests were executed. */
  release(): Promise<void>;
  /** Lets go what is held now and removes the rule. */
  open(): Promise<void>;
  /** Resolves when every request hit so far is done with. */
  settled(): Promise<void>;
  /** Hits no further request; what is held stays held. */
  remove(): void;
}

/** What a rule looks at. */
export interface FaultSubject {
  readonly operation: FaultTarget;
  readonly bucket: string;
  readonly key: string;
}

/** One effect on one request. */
export interface Hit {
  readonly effect: Effect;
  /** Holds the request until it is let go. */
  hold(): Promise<void>;
  /** Tells that a held request is done with. */
  done(): void;
}

interface Held {
  readonly letGo: () => void;
  readonly finished: Promise<void>;
}

/** A bucket of tokens: it holds those of one second. */
class Allowance {
  readonly #perSecond: number;
  #tokens: number;
  #filledMs = performance.now();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
  }

  take(): boolean {
    const nowMs = performance.now();
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.#perSecond);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

class Rule implements FaultHandle {
  hits = 0;
  readonly #rule: FaultRule;
  readonly #detach: (rule: Rule) => void;
  readonly #held = new Set<Held>();
  readonly #unfinished = new Set<Promise<void>>();
  readonly #waiters: { readonly requests: number; readonly resolve: () => void }[] = [];
  readonly #allowance: Allowance | undefined;
  #matches = 0;

  constructor(rule: FaultRule, detach: (rule: Rule) => void) {
    if (rule.probability !== undefined && rule.random === undefined)
      throw new TypeError('Cannot use probability without random');
    this.#rule = rule;
    this.#detach = detach;
    this.#allowance = rule.sparedPerSecond === undefined ? undefined : new Allowance(rule.sparedPerSecond);
  }

  /** The effect on this request, if it is hit. */
  take(subject: FaultSubject): Hit | undefined {
    const { operation, bucket, key, after = 0, times = Number.POSITIVE_INFINITY, random, probability = 1 } = this.#rule;
    if (
      operation === undefined
        ? subject.operation === 'DeleteObjectsKey'
        : ![operation].flat().includes(subject.operation)
    )
      return;
    if (bucket !== undefined && bucket !== subject.bucket) return;
    if (key !== undefined && subject.key.search(key) < 0) return;
    this.#matches += 1;
    if (this.#matches <= after || this.hits >= times) return;
    if (random !== undefined && random() >= probability) return;
    if (this.#allowance?.take() === true) return;
    this.hits += 1;
    const effects = [this.#rule.effect].flat();
    const effect = effects[Math.floor((random?.() ?? 0) * effects.length)]!;
    return this.#hit(effect);
  }

  #hit(effect: Effect): Hit {
    const gate = Promise.withResolvers<void>();
    const finished = Promise.withResolvers<void>();
    const held: Held = { letGo: gate.resolve, finished: finished.promise };
    this.#unfinished.add(finished.promise);
    return {
      effect,
      hold: () => {
        this.#held.add(held);
        for (const waiter of this.#waiters) if (this.#held.size >= waiter.requests) waiter.resolve();
        return gate.promise;
      },
      done: () => {
        this.#held.delete(held);
        this.#unfinished.delete(finished.promise);
        finished.resolve();
      },
    };
  }

  waiting(requests = 1): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#held.size >= requests) resolve();
    else this.#waiters.push({ requests, resolve });
    return promise;
  }

  async release(): Promise<void> {
    const held = [...this.#held];
    for (const { letGo } of held) letGo();
    await Promise.all(held.map(({ finished }) => finished));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#unfinished);
  }

  open(): Promise<void> {
    this.remove();
    return this.release();
  }

  remove(): void {
    this.#detach(this);
  }
}

/** The faults of a server. */
export class Faults {
  #rules: readonly Rule[] = [];

  /** Adds a rule behind the others. */
  add(rule: FaultRule): FaultHandle {
    const added = new Rule(rule, (removed) => {
      this.#rules = this.#rules.filter((other) => other !== removed);
    });
    this.#rules = [...this.#rules, added];
    return added;
  }

  /** Removes every rule; what is held stays held. */
  clear(): void {
    this.#rules = [];
  }

  /** The one effect on this request. */
  take(subject: FaultSubject): Hit | undefined {
    for (const rule of this.#rules) {
      const hit = rule.take(subject);
      if (hit !== undefined) return hit;
    }
    return undefined;
  }
}

/** A reproducible source of numbers from 0 up to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
