// An answer in XML is believed only if it is whole: the SDK's parser takes a document that was cut for a shorter one.
import type { S3Client } from '@aws-sdk/client-s3';
import { isWhole } from './whole-document.ts';

/** The document of each operation whose body says what was done. A whole Error in its place is the SDK's to throw. */
const ROOT_OF: Readonly<Record<string, string>> = {
  ListObjectsV2Command: 'ListBucketResult',
  DeleteObjectsCommand: 'DeleteResult',
  CopyObjectCommand: 'CopyObjectResult',
  UploadPartCopyCommand: 'CopyPartResult',
  CreateMultipartUploadCommand: 'InitiateMultipartUploadResult',
  CompleteMultipartUploadCommand: 'CompleteMultipartUploadResult',
};

interface Response {
  readonly statusCode: number;
  body: unknown;
}

/** Makes answers fail that say it worked and are not all there. */
export function demandWholeAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      const response = result.response as Response;
      const root = ROOT_OF[String(context['commandName'])];
      if (root === undefined || response.statusCode >= 300) return result;
      const bytes = Buffer.from(await client.config.streamCollector(response.body));
      const text = bytes.toString('utf8').trim();
      if (!isWhole(text, root) && !isWhole(text, 'Error')) {
        throw Object.assign(new Error(`it is no whole ${root}`), { $response: response });
      }
      // The SDK knows an Error after a 200 by the very last bytes.
      response.body = Buffer.from(text);
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'demandWholeAnswers' },
  );
}
