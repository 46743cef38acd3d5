// The bucket as a plain client sees it, whatever the server.
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

export interface RemoteObject {
  readonly bytes: Buffer;
  readonly metadata: Readonly<Record<string, string>>;
  /** Without quotes. */
  readonly etag: string;
}

export class RemoteBucket {
  readonly name: string;
  readonly #client: S3Client;

  constructor(client: S3Client, name: string) {
    this.#client = client;
    this.name = name;
  }

  async keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.name, Prefix: prefix, ContinuationToken }),
      );
      keys.push(...(page.Contents ?? []).map(({ Key }) => Key!));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return keys;
  }

  async objects(prefix: string): Promise<Map<string, RemoteObject>> {
    const objects = new Map<string, RemoteObject>();
    for (const Key of await this.keys(prefix)) {
      const got = await this.#client.send(new GetObjectCommand({ Bucket: this.name, Key }));
      const bytes = Buffer.from(await got.Body!.transformToByteArray());
      objects.set(Key, { bytes, metadata: got.Metadata ?? {}, etag: (got.ETag ?? '').replaceAll('"', '') });
    }
    return objects;
  }

  /** The ids of the open multipart uploads. */
  async uploads(prefix: string): Promise<string[]> {
    return (await this.#uploads(prefix)).map(({ UploadId }) => UploadId!);
  }

  async put(key: string, content: string): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.name, Key: key, Body: content }));
  }

  /** Begins a multipart upload and returns its id. */
  async beginUpload(key: string): Promise<string> {
    const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand({ Bucket: this.name, Key: key }));
    return UploadId!;
  }

  /** Removes everything under the prefix: objects and open uploads. */
  async clear(prefix: string): Promise<void> {
    for (const Key of await this.keys(prefix))
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.name, Key }));
    for (const { Key, UploadId } of await this.#uploads(prefix))
      await this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.name, Key, UploadId }));
  }

  async #uploads(prefix: string): Promise<{ Key?: string | undefined; UploadId?: string | undefined }[]> {
    const { Uploads = [] } = await this.#client.send(
      new ListMultipartUploadsCommand({ Bucket: this.name, Prefix: prefix }),
    );
    return Uploads;
  }
}
