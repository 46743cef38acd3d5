// The requests that begin and end what is made of parts: always by the SDK.
import type { ObjectAttributes } from './object-store.ts';
import type { SendOptions, WriteAnswer } from './s3-requests.ts';

export interface UploadPlace {
  readonly key: string;
  readonly uploadId: string;
}

export interface CopyPartRequest extends UploadPlace {
  readonly partNumber: number;
  /** `bucket/key`, encoded. */
  readonly source: string;
  /** Without quotes. */
  readonly ifMatch: string;
  /** The value of its header. */
  readonly range: string;
}

export interface MadePart {
  readonly PartNumber: number;
  readonly ETag: string;
}

/** As S3Requests: each is sent once, and answers have the SDK's names. */
export interface RareRequests {
  createUpload(
    key: string,
    attributes: ObjectAttributes,
    options: SendOptions,
  ): Promise<{ readonly UploadId?: string | undefined }>;
  /** The answer is undefined if it does not say what was copied. */
  copyPart(part: CopyPartRequest, options: SendOptions): Promise<WriteAnswer | undefined>;
  completeUpload(upload: UploadPlace, parts: readonly MadePart[], options: SendOptions): Promise<WriteAnswer>;
  abortUpload(upload: UploadPlace, options: SendOptions): Promise<unknown>;
}
