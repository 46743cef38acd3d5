// Uploads and copies in parts by the SDK's client.
import type { S3Client } from '@aws-sdk/client-s3';
import type { RareRequests, UploadPlace } from './rare-requests.ts';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
} from './sdk-packages.ts';
import { attributeParams } from './sdk-requests.ts';

/** Requests by this client, which stays the caller's to close. */
export function sdkRareRequests(client: S3Client, bucket: string): RareRequests {
  const target = (key: string) => ({ Bucket: bucket, Key: key });
  const place = ({ key, uploadId }: UploadPlace) => ({ ...target(key), UploadId: uploadId });
  return {
    createUpload: (key, attributes, o) =>
      client.send(new CreateMultipartUploadCommand({ ...target(key), ...attributeParams(attributes) }), o),
    copyPart: async (part, o) => {
      const from = { CopySource: part.source, CopySourceIfMatch: part.ifMatch, CopySourceRange: part.range };
      const command = new UploadPartCopyCommand({ ...place(part), PartNumber: part.partNumber, ...from });
      return (await client.send(command, o)).CopyPartResult;
    },
    completeUpload: (upload, parts, o) => {
      const MultipartUpload = { Parts: [...parts] };
      return client.send(new CompleteMultipartUploadCommand({ ...place(upload), MultipartUpload }), o);
    },
    abortUpload: (upload, o) => client.send(new AbortMultipartUploadCommand(place(upload)), o),
  };
}
