// What Ceph RGW needs said in its own way.
import type { S3Client } from '@aws-sdk/client-s3';

/** `x-amz-request-id` of RGW: its transaction's id. */
const RGW_REQUEST_ID = /^tx[0-9a-f]{21}-[0-9a-f]+-[0-9a-f]+-/;

/** Whether the server is an RGW; undefined until it has answered once. */
export interface ServerKind {
  isRgw: boolean | undefined;
}

/**
 * RGW (16.2 at least) reads the condition of CopyObject from `x-amz-copy-if-match` and ignores AWS's name for it: it
 * would copy whatever is there by now. AWS may refuse a header it does not know, so the other name is sent only to a
 * server that has shown to be an RGW.
 */
export function speakRgw(client: S3Client, server: ServerKind): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      const condition = headers['x-amz-copy-source-if-match'];
      if (server.isRgw && condition !== undefined) headers['x-amz-copy-if-match'] = condition;
      return next(args);
    },
    { step: 'build', name: 'rgwCopyCondition' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Record<string, string> };
      learnServerKind(server, headers?.['x-amz-request-id']);
      return result;
    },
    // Lowest in its step: nearest to the wire, before an error answer is thrown.
    { step: 'deserialize', priority: 'low', name: 'rgwDetection' },
  );
}

/** What an answer tells by the id of its request. */
export function learnServerKind(server: ServerKind, requestId: string | undefined): void {
  server.isRgw ??= RGW_REQUEST_ID.test(requestId ?? '');
}
