// What is asked of a bucket itself, by the SDK's client.
import type { LifecycleRule, S3Client } from '@aws-sdk/client-s3';
import type { SendOptions } from './s3-requests.ts';
import { GetBucketLifecycleConfigurationCommand, HeadBucketCommand } from './sdk-packages.ts';

export interface SdkFacts {
  /** By the Date of an answer, a refusal too: milliseconds since 1970. Rejects if there is none. */
  serverTime(options: SendOptions): Promise<number>;
  lifecycle(options: SendOptions): Promise<readonly LifecycleRule[]>;
}

/** Questions by this client, which stays the caller's to close. */
export function sdkFacts(client: S3Client, bucket: string): SdkFacts {
  return {
    serverTime: async (o) => {
      let serverMs = Number.NaN;
      const command = new HeadBucketCommand({ Bucket: bucket });
      command.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          const { headers = {} } = result.response as { headers?: Record<string, string> };
          serverMs = Date.parse(headers['date'] ?? '');
          return result;
        },
        // Lowest in its step: nearest to the wire, before an error answer is thrown.
        { step: 'deserialize', priority: 'low', name: 'serverTime' },
      );
      const failure = await client.send(command, o).then(
        () => new Error('the answer has no Date'),
        (error: unknown) => error,
      );
      if (Number.isNaN(serverMs)) throw failure;
      return serverMs;
    },
    lifecycle: async (o) => {
      const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }), o);
      return Rules;
    },
  };
}
