// The bucket as another client sees it: asked again and again until it shows what the disk holds.
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, GetObjectCommand, NoSuchKey, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { DemoFailure, type Server } from './programs.ts';

const DEADLINE_MS = 30_000;

/** Between two looks: an object is asked for at once again, a listing costs the server more. */
const PAUSE_MS = { object: 1, listing: 20 };

/** An object, or the absence of one (`body` undefined). */
export interface Wanted {
  readonly path: string;
  readonly body: Buffer | undefined;
  /** st_mode in octal, if the change is about it. */
  readonly mode?: string;
}

export interface BucketOptions {
  readonly bucket: string;
  /** Ends with '/'. */
  readonly prefix: string;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** A prefix in a bucket. */
export class Bucket implements Disposable {
  readonly #client: S3Client;
  readonly #options: BucketOptions;

  private constructor(client: S3Client, options: BucketOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Makes the bucket. */
  static async create({ endpoint, variables }: Server, options: BucketOptions): Promise<Bucket> {
    const client = new S3Client({
      endpoint,
      region: variables['AWS_REGION']!,
      credentials: {
        accessKeyId: variables['AWS_ACCESS_KEY_ID']!,
        secretAccessKey: variables['AWS_SECRET_ACCESS_KEY']!,
      },
      forcePathStyle: true,
    });
    await client.send(new CreateBucketCommand({ Bucket: options.bucket }), { abortSignal: options.signal });
    return new Bucket(client, options);
  }

  /** Waits until the object reads as wanted. @returns when, by performance.now() */
  async shows(wanted: Wanted): Promise<number> {
    return this.#poll(`${wanted.path} as it is on disk`, PAUSE_MS.object, () => this.#isAsWanted(wanted));
  }

  /**
   * Waits until exactly these files are listed.
   *
   * @param wanted directory -> the files beneath it, path -> size
   * @returns when, by performance.now()
   */
  async lists(wanted: ReadonlyMap<string, ReadonlyMap<string, number>>): Promise<number> {
    let seenMs = 0;
    for (const [directory, sizes] of wanted) {
      seenMs = await this.#poll(`the ${sizes.size} files of ${directory}/`, PAUSE_MS.listing, async () => {
        const listed = await this.#list(`${directory}/`);
        return listed.size === sizes.size && [...sizes].every(([path, size]) => listed.get(path) === size);
      });
    }
    return seenMs;
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }

  async #isAsWanted({ path, body, mode }: Wanted): Promise<boolean> {
    const { bucket: Bucket, prefix, signal: abortSignal } = this.#options;
    try {
      const command = new GetObjectCommand({ Bucket, Key: prefix + path });
      const found = await this.#client.send(command, { abortSignal });
      const bytes = await found.Body!.transformToByteArray();
      return body?.equals(bytes) === true && (mode === undefined || found.Metadata?.['mode'] === mode);
    } catch (error) {
      if (error instanceof NoSuchKey) return body === undefined;
      throw error;
    }
  }

  /** Files and links only: whether a directory has a marker is a matter of its mode. */
  async #list(directory: string): Promise<Map<string, number>> {
    const { bucket: Bucket, prefix, signal: abortSignal } = this.#options;
    const files = new Map<string, number>();
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket, Prefix: prefix + directory },
      { abortSignal },
    );
    for await (const { Contents = [] } of pages) {
      for (const { Key, Size } of Contents) {
        if (!Key!.endsWith('/')) files.set(Key!.slice(prefix.length), Size!);
      }
    }
    return files;
  }

  async #poll(what: string, pauseMs: number, look: () => Promise<boolean>): Promise<number> {
    const { signal } = this.#options;
    const lateMs = performance.now() + DEADLINE_MS;
    while (performance.now() < lateMs) {
      signal.throwIfAborted();
      if (await look()) return performance.now();
      await sleep(pauseMs, undefined, { signal });
    }
    throw new DemoFailure(`S3 did not show ${what} within ${DEADLINE_MS / 1000} s`);
  }
}
