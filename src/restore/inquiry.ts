// Answers to the questions a restore decision may ask about one key, each looked up once.
import { createHash } from 'node:crypto';
import type { LedgerRow } from '../ledger/ledger.ts';
import type { Stat } from '../model/entry.ts';
import { pathOfKey } from '../model/key.ts';
import { decodeMetadata, kindOfObject } from '../model/metadata.ts';
import type { Question, RestoreAnswers } from '../plan/restore-plan.ts';
import { StoreError } from '../store/errors.ts';
import { comparableBy } from '../store/etag.ts';
import type { ObjectHead } from '../store/object-store.ts';
import { ChangedError } from './errors.ts';
import { hashLocal, type LocalContent } from './local-content.ts';
import type { Remote, Restoring } from './work.ts';

/** One local path, and its object if S3 holds one. */
export interface Subject {
  readonly key: Remote['relKey'];
  readonly remote: Remote | undefined;
  readonly local: Stat;
  readonly base: LedgerRow | undefined;
}

/** Asks the disk and S3. Everything it returns belongs to the same local stat and the same ETag. */
export class Inquiry {
  readonly #work: Restoring;
  readonly #subject: Subject;
  #content: Promise<LocalContent> | undefined;
  #head: Promise<ObjectHead> | undefined;

  constructor(work: Restoring, subject: Subject) {
    this.#work = work;
    this.#subject = subject;
  }

  /** @throws {ChangedError} if the path or the object is no longer what was looked at. */
  async answer(question: Question): Promise<RestoreAnswers> {
    switch (question) {
      case 'localIsBase':
        return { localIsBase: (await this.content()).checksum === this.#subject.base?.checksum };
      case 'localIsRemote':
        return { localIsRemote: await this.#isRemote() };
      case 'remoteMtimeNs':
        return { remoteMtimeNs: decodeMetadata((await this.head()).attributes.metadata).mtimeNs ?? null };
    }
  }

  /** The local content's hashes. */
  content(): Promise<LocalContent> {
    const { key, local, remote } = this.#subject;
    const { xattrs: keepsXattrs } = this.#work.options;
    this.#content ??= hashLocal(this.#work.tree, { path: pathOfKey(key), local, etag: remote?.etag, keepsXattrs });
    return this.#content;
  }

  /** What S3 says of the object, which still has the listed ETag. */
  head(): Promise<ObjectHead> {
    this.#head ??= this.#askHead();
    return this.#head;
  }

  async #askHead(): Promise<ObjectHead> {
    const { key, etag } = this.#subject.remote!;
    const { store, retry } = this.#work.options;
    const { signal } = this.#work;
    const head = await retry(() => store.head(key, { signal }), { signal });
    if (head === undefined)
      throw new StoreError(`Cannot head ${key}: it is gone`, { reaction: 'not-found', code: 'NoSuchKey' });
    if (head.etag !== etag) throw new ChangedError('it changed in S3 meanwhile');
    return head;
  }

  /** Equal kind and bytes. Where the ETag cannot decide, equal times make it worth reading the object. */
  async #isRemote(): Promise<boolean> {
    const { remote, local } = this.#subject;
    const { checksum, hasEtag } = await this.content();
    const head = await this.head();
    const attributes = decodeMetadata(head.attributes.metadata);
    if (kindOfObject(attributes) !== local.kind) return false;
    if (hasEtag) return true;
    const etagDecides = comparableBy(remote!.etag, remote!.sizeBytes).length > 0;
    if (etagDecides && attributes.mtimeNs !== local.mtimeNs) return false;
    return (await this.#remoteChecksum()) === checksum;
  }

  async #remoteChecksum(): Promise<string> {
    const { key, etag } = this.#subject.remote!;
    const { store, retry } = this.#work.options;
    const { signal } = this.#work;
    return await retry(
      async () => {
        const { body } = await store.get(key, { signal, ifMatch: etag });
        const sha256 = createHash('sha256');
        for await (const chunk of body as AsyncIterable<Buffer>) sha256.update(chunk);
        return sha256.digest('hex');
      },
      { signal },
    );
  }
}
