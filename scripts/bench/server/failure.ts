// What the server refuses, by S3's names.

const STATUS = {
  BadDigest: 400,
  InvalidArgument: 400,
  InvalidPart: 400,
  KeyTooLongError: 400,
  MalformedXML: 400,
  NoSuchBucket: 404,
  NoSuchBucketPolicy: 404,
  NoSuchKey: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchUpload: 404,
  BucketAlreadyOwnedByYou: 409,
  PreconditionFailed: 412,
  InvalidRange: 416,
  NotImplemented: 501,
} as const;

export type FailureCode = keyof typeof STATUS;

/** A request is answered with this error. */
export class S3Failure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string = code) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return STATUS[this.code];
  }
}
