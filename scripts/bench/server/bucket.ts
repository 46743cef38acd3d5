// What the server holds.
import { compareKeys } from '../../../src/store/key-order.ts';
import { Arena } from './arena.ts';

export interface StoredObject {
  /** The bytes, in pieces: one, or those of a multipart upload. */
  readonly content: readonly Buffer[];
  readonly sizeBytes: number;
  /** Without quotes. */
  readonly etag: string;
  readonly modifiedMs: number;
  /** Header lines that every answer about it repeats: metadata, content type and the like. */
  readonly properties: string;
}

export type Part = Pick<StoredObject, 'content' | 'sizeBytes' | 'etag' | 'modifiedMs'>;

/** An open multipart upload. */
export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly initiatedMs: number;
  readonly properties: string;
  readonly parts: Map<number, Part>;
}

/** Objects by key, and the keys in the order of listings. */
export class Bucket {
  readonly name: string;
  readonly uploads = new Map<string, Upload>();
  readonly #objects: Map<string, StoredObject>;
  readonly #arena = new Arena();
  readonly #borrowed: readonly Arena[];
  #sorted: readonly string[];
  #added: string[] = [];
  #removed = false;

  /** @param original What it holds from the start, as if it had been stored so much later. */
  constructor(name: string, original?: { readonly bucket: Bucket; readonly laterMs: number }) {
    this.name = name;
    this.#objects = new Map();
    for (const [key, object] of original?.bucket.objects ?? []) {
      this.#objects.set(key, { ...object, modifiedMs: object.modifiedMs + original!.laterMs });
    }
    this.#sorted = original?.bucket.keys() ?? [];
    this.#borrowed = original?.bucket.holdMemory() ?? [];
  }

  /** Room for the body of a request. */
  reserve(bytes: number): Buffer {
    return this.#arena.reserve(bytes);
  }

  /** Everything its objects live in, kept until each is released. */
  holdMemory(): readonly Arena[] {
    return [this.#arena, ...this.#borrowed].map((arena) => arena.hold());
  }

  /** It is gone, with all it holds. */
  release(): void {
    for (const arena of [this.#arena, ...this.#borrowed]) arena.release();
  }

  get objects(): ReadonlyMap<string, StoredObject> {
    return this.#objects;
  }

  put(key: string, object: StoredObject): void {
    const before = this.#objects.size;
    this.#objects.set(key, object);
    if (this.#objects.size > before) this.#added.push(key);
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#removed = true;
  }

  /** Every key, in the order of its UTF-8 bytes. */
  keys(): readonly string[] {
    if (this.#removed || this.#added.length > 0) {
      // Sorting finds what is sorted already; a key that went and came again is in both.
      const known = this.#sorted.filter((key) => this.#objects.has(key));
      const added = this.#removed ? [...new Set(this.#added)].filter((key) => this.#objects.has(key)) : this.#added;
      const all = [...known, ...added].sort(compareKeys);
      this.#sorted = this.#removed ? all.filter((key, at) => key !== all[at - 1]) : all;
      this.#added = [];
      this.#removed = false;
    }
    return this.#sorted;
  }
}
