// One probe per capability: what a server really does, found out with the SDK alone.
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { type Capability, plainClient, type S3Target } from '../support/s3-targets.ts';

/** What a probe works with: a client that sends plain requests, and a bucket that holds `there` with the body `old`. */
interface Ground {
  readonly client: S3Client;
  readonly target: S3Target;
  readonly Bucket: string;
  /** Of `there`, without quotes. */
  readonly etag: string;
}

const OTHER_ETAG = '00000000000000000000000000000000';
const MIB = 2 ** 20;

/** Whether a server has this capability. */
export async function probe(target: S3Target, capability: Capability): Promise<boolean> {
  const client = plainClient(target);
  client.config.requestChecksumCalculation = async () => 'WHEN_REQUIRED';
  try {
    const Bucket = await target.makeBucket();
    const { ETag = '' } = await client.send(new PutObjectCommand({ Bucket, Key: 'there', Body: 'old' }));
    return await PROBES[capability]({ client, target, Bucket, etag: ETag.replaceAll('"', '') });
  } finally {
    client.destroy();
  }
}

const PROBES: Readonly<Record<Capability, (ground: Ground) => Promise<boolean>>> = {
  verifiesSignature: async ({ target, Bucket }) => {
    const credentials = { ...target.credentials, secretAccessKey: 'wrong' };
    const client = plainClient({ ...target, credentials });
    return refuses(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))).finally(() => client.destroy());
  },
  verifiesMd5: ({ client, Bucket }) => {
    const ContentMD5 = Buffer.alloc(16).toString('base64');
    return refuses(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ContentMD5 })));
  },
  verifiesChecksums: ({ client, Bucket }) =>
    refuses(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ChecksumCRC32: 'AAAAAA==' }))),
  putIfNoneMatch: ({ client, Bucket }) =>
    refuses(client.send(new PutObjectCommand({ Bucket, Key: 'there', Body: 'new', IfNoneMatch: '*' }))),
  putIfMatch: async ({ client, Bucket, etag }) => {
    const put = (IfMatch: string) => client.send(new PutObjectCommand({ Bucket, Key: 'there', Body: 'new', IfMatch }));
    return (await refuses(put(OTHER_ETAG))) && !(await refuses(put(etag)));
  },
  getIfMatch: async ({ client, Bucket, etag }) => {
    const get = async (IfMatch: string) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'there', IfMatch }));
      return Body?.transformToString();
    };
    return (await refuses(get(`"${OTHER_ETAG}"`))) && !(await refuses(get(`"${etag}"`)));
  },
  copyIfMatch: async ({ client, Bucket, etag }) => {
    const copy = (CopySourceIfMatch: string) =>
      client.send(new CopyObjectCommand({ Bucket, Key: 'k', CopySource: `${Bucket}/there`, CopySourceIfMatch }));
    if (await refuses(copy(etag))) return false;
    if (await refuses(copy(OTHER_ETAG))) return true;
    // RGW has its own name for it.
    client.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers['x-amz-copy-if-match'] = OTHER_ETAG;
        return next(args);
      },
      { step: 'build' },
    );
    return refuses(copy(OTHER_ETAG)).catch(() => false);
  },
  partCopyIfMatch: ({ client, Bucket }) =>
    inUpload({ client, Bucket }, (upload) => {
      const part = { ...upload, PartNumber: 1, CopySource: `${Bucket}/there`, CopySourceIfMatch: OTHER_ETAG };
      return refuses(client.send(new UploadPartCopyCommand(part)));
    }),
  deleteIfMatch: ({ client, Bucket }) =>
    refuses(client.send(new DeleteObjectCommand({ Bucket, Key: 'there', IfMatch: OTHER_ETAG }))),
  encodesListings: async ({ client, Bucket }) => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'a&b', Body: 'x' }));
    const { EncodingType, Contents } = await client.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
    return EncodingType === 'url' && Contents?.[0]?.Key === 'a%26b';
  },
  listsInByteOrder: async ({ client, Bucket }) => {
    for (const Key of ['z\u{1f600}', 'z\ue000']) await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'z' }));
    return Contents?.map(({ Key }) => Key).join() === 'z\ue000,z\u{1f600}';
  },
  listsParts: ({ client, Bucket }) =>
    inUpload({ client, Bucket }, async (upload) => {
      await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'x' }));
      const parts = await client.send(new ListPartsCommand(upload)).catch(() => undefined);
      const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket })).catch(() => undefined);
      return parts?.Parts?.length === 1 && uploads?.Uploads?.[0]?.UploadId === upload.UploadId;
    }),
  completeTellsEtag: ({ client, Bucket }) =>
    inUpload({ client, Bucket }, async (upload) => {
      const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'x' }));
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
      const answer = await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
      return answer.ETag?.includes('-1') ?? false;
    }),
  partCopyOfPercentKeys: async ({ client, Bucket }) => {
    await client.send(new PutObjectCommand({ Bucket, Key: '50%25', Body: 'x' }));
    return inUpload({ client, Bucket }, async (upload) => {
      const part = { ...upload, PartNumber: 1, CopySource: `${Bucket}/50%2525` };
      return !(await refuses(client.send(new UploadPartCopyCommand(part))));
    });
  },
  bodiesOver11MiB: async ({ client, Bucket }) =>
    !(await refuses(client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: Buffer.alloc(12 * MIB) })))),
  controlCharactersInKeys: async ({ client, Bucket }) => {
    const put = client.send(new PutObjectCommand({ Bucket, Key: 'a\x01b', Body: 'x' }));
    if (await refuses(put)) return false;
    const listing = client.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url', Prefix: 'a' }));
    return (await listing.catch(() => undefined))?.Contents?.[0]?.Key === 'a%01b';
  },
  refusesLongKeys: ({ client, Bucket }) =>
    refuses(client.send(new PutObjectCommand({ Bucket, Key: 'k'.repeat(1025), Body: 'x' }))),
};

/** Whether the server answers with a refusal; any other failure is none. */
async function refuses(request: Promise<unknown>): Promise<boolean> {
  try {
    await request;
    return false;
  } catch (error) {
    const { httpStatusCode = 0 } = (error as { $metadata?: { httpStatusCode?: number } }).$metadata ?? {};
    if (httpStatusCode >= 400 && httpStatusCode < 500) return true;
    throw error;
  }
}

async function inUpload(
  { client, Bucket }: Pick<Ground, 'client' | 'Bucket'>,
  run: (upload: { Bucket: string; Key: string; UploadId: string }) => Promise<boolean>,
): Promise<boolean> {
  const created = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'upload' }));
  const upload = { Bucket, Key: 'upload', UploadId: created.UploadId ?? '' };
  try {
    return await run(upload);
  } finally {
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
  }
}
