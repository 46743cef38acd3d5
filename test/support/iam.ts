// What IAM would say: a policy document, asked about each request by AWS's own table of operations and actions.
import type { Operation } from '../strict-s3/operations.ts';
import type { LoggedRequest } from '../strict-s3/request-log.ts';

interface Statement {
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: string;
  readonly Condition?: { readonly StringLike?: Readonly<Record<string, string>> };
}

export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

/** One thing a request must be allowed to do. */
export interface Demand {
  readonly action: string;
  readonly resource: string;
  /** What conditions look at. */
  readonly keys: Readonly<Record<string, string>>;
}

type Need = (request: LoggedRequest) => readonly Demand[];

const onBucket =
  (action: string): Need =>
  ({ bucket, query }) => [
    { action, resource: `arn:aws:s3:::${bucket}`, keys: 'prefix' in query ? { 's3:prefix': query['prefix']! } : {} },
  ];

const onObject =
  (...actions: string[]): Need =>
  ({ bucket, key }) =>
    actions.map((action) => ({ action, resource: `arn:aws:s3:::${bucket}/${key}`, keys: {} }));

const reading: Need = (request) =>
  onObject('versionId' in request.query ? 's3:GetObjectVersion' : 's3:GetObject')(request);

const creating: Need = (request) => [
  ...onObject('s3:PutObject')(request),
  ...('x-amz-acl' in request.headers ? onObject('s3:PutObjectAcl')(request) : []),
  ...('x-amz-tagging' in request.headers ? onObject('s3:PutObjectTagging')(request) : []),
];

const copying: Need = (request) => {
  const [, bucket = '', key = ''] =
    /^\/?([^/]+)\/(.*)$/.exec(decodeURIComponent(request.headers['x-amz-copy-source'] ?? '')) ?? [];
  return [...creating(request), { action: 's3:GetObject', resource: `arn:aws:s3:::${bucket}/${key}`, keys: {} }];
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html; deletes are asked for key by key. */
const NEEDS: Partial<Record<Operation, Need>> = {
  HeadBucket: onBucket('s3:ListBucket'),
  ListObjectsV2: onBucket('s3:ListBucket'),
  ListObjectVersions: onBucket('s3:ListBucketVersions'),
  GetBucketVersioning: onBucket('s3:GetBucketVersioning'),
  GetBucketLifecycleConfiguration: onBucket('s3:GetLifecycleConfiguration'),
  HeadObject: reading,
  GetObject: reading,
  PutObject: creating,
  CopyObject: copying,
  CreateMultipartUpload: creating,
  UploadPart: onObject('s3:PutObject'),
  UploadPartCopy: copying,
  CompleteMultipartUpload: onObject('s3:PutObject'),
  AbortMultipartUpload: onObject('s3:AbortMultipartUpload'),
  DeleteObjects: () => [],
};

/** What the request must be allowed to do. @throws for an operation that nothing is known of */
export function demandsOf(request: LoggedRequest): readonly Demand[] {
  const need = request.operation && NEEDS[request.operation];
  if (need === undefined) throw new Error(`no action is known for ${request.operation}`);
  return need(request);
}

/** The demand of deleting one key of a DeleteObjects request. */
export function deleting(bucket: string, key: string): Demand {
  return { action: 's3:DeleteObject', resource: `arn:aws:s3:::${bucket}/${key}`, keys: {} };
}

/** Whether the policy allows it. */
export function allows({ Statement }: PolicyDocument, demand: Demand): boolean {
  return Statement.some(({ Action, Resource, Condition }) => {
    const conditions = Object.entries(Condition?.StringLike ?? {});
    return (
      [Action].flat().includes(demand.action) &&
      isLike(demand.resource, Resource) &&
      conditions.every(([key, pattern]) => key in demand.keys && isLike(demand.keys[key]!, pattern))
    );
  });
}

/** '*' and '?' stand for anything and any character; `${*}`, `${?}` and `${$}` for the characters themselves. */
function isLike(text: string, pattern: string): boolean {
  const source = pattern.replace(/\$\{([*?$])\}|[*?]|[^*?]/gs, (piece, literal: string | undefined) => {
    if (literal !== undefined) return quoted(literal);
    return piece === '*' ? '.*' : piece === '?' ? '.' : quoted(piece);
  });
  return new RegExp(`^${source}$`, 's').test(text);
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
