// Which keys are being copied from: every copy from a key ends before a put or a delete on it.
import type { RelKey } from '../model/key.ts';

/** One copy, from its plan to its end. */
export interface Reading {
  /** Its request may be under way. Before that it may itself be waiting until its target can be written. */
  started: boolean;
  /** The copy is done, failed or given up; a second call does nothing. */
  end(): void;
}

interface Planned extends Reading {
  readonly target: RelKey;
  readonly ended: Promise<void>;
}

/**
 * Puts wait for the copies that read what they overwrite. A ring (`a` takes the place of `b`, `b` that of `a`) would
 * wait for ever, so whoever closes it goes first; the copy that thereby loses its source finds another row there and
 * sends the content. A ring costs one upload.
 */
export class CopyOrder {
  readonly #readings = new Map<RelKey, Set<Planned>>();

  /** From now on puts on `source` wait for this copy. A key is the target of one copy at a time. */
  plan(source: RelKey, target: RelKey): Reading {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const end = (): void => {
      const others = this.#readings.get(source);
      if (others?.delete(planned) && others.size === 0) this.#readings.delete(source);
      resolve();
    };
    const planned: Planned = { target, started: false, ended, end };
    const others = this.#readings.get(source);
    if (others === undefined) this.#readings.set(source, new Set([planned]));
    else others.add(planned);
    return planned;
  }

  /** Whether some copy reads this key, or is about to. */
  isRead(key: RelKey): boolean {
    return this.#readings.has(key);
  }

  /**
   * Runs `start` when a put on `key` may be sent. What it does before its first await is one step with the finding that
   * nobody reads the key: there it saves the row by which a copy sees that its source is about to go.
   */
  async inTurn<T>(key: RelKey, start: () => T): Promise<Awaited<T>> {
    for (let reading = this.#inTheWay(key); reading !== undefined; reading = this.#inTheWay(key)) await reading.ended;
    return await start();
  }

  #inTheWay(key: RelKey): Planned | undefined {
    for (const reading of this.#readings.get(key) ?? []) {
      if (reading.started || !this.#waitsFor(reading, key, new Set())) return reading;
    }
    return undefined;
  }

  /** Whether this copy waits, perhaps by way of others, for the one whose target is `key`. */
  #waitsFor(reading: Planned, key: RelKey, seen: Set<RelKey>): boolean {
    if (seen.has(reading.target)) return false;
    seen.add(reading.target);
    for (const other of this.#readings.get(reading.target) ?? []) {
      if (other.target === key || this.#waitsFor(other, key, seen)) return true;
    }
    return false;
  }
}
