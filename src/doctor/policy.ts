// Pure. The least that an IAM policy must allow: what an agent sends, and nothing else.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html

/** What the policy is about. */
export interface PolicyScope {
  readonly bucket: string;
  /** '' or text ending in '/'. */
  readonly prefix: string;
  /** Tells the partition: China and GovCloud have ARNs of their own. */
  readonly region: string | undefined;
}

/** What objects carry that needs permissions of its own. */
export interface PolicySettings {
  readonly acl?: string | undefined;
  readonly tagging?: string | undefined;
  readonly kmsKeyId?: string | undefined;
}

interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** The policy for agents, and for every command but those about versions. */
export function iamPolicy(scope: PolicyScope, { acl, tagging, kmsKeyId }: PolicySettings): Policy {
  const { prefix } = scope;
  const isBeneath = { StringLike: { 's3:prefix': `${literal(prefix)}*` } };
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'ListPrefix',
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: bucketArn(scope),
        ...(prefix === '' ? {} : { Condition: isBeneath }),
      },
      {
        Sid: 'Objects',
        Effect: 'Allow',
        Action: [
          ...['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'],
          ...(acl === undefined ? [] : ['s3:PutObjectAcl']),
          ...(tagging === undefined ? [] : ['s3:PutObjectTagging']),
        ],
        Resource: objectsArn(scope),
      },
      ...(kmsKeyId === undefined ? [] : [keyStatement(kmsKeyId, scope)]),
    ],
  };
}

/** How to add what the policy leaves out, in one sentence. */
export function versionsHint(scope: PolicyScope): string {
  return (
    'restore --at, --list-versions and --checkpoint also need s3:ListBucketVersions and s3:GetBucketVersioning on ' +
    `${bucketArn(scope)}, and s3:GetObjectVersion on ${objectsArn(scope)}`
  );
}

/** What to tell whoever grants permissions on the bucket. */
export function allowOnBucket(scope: PolicyScope, action: string): string {
  return `allow ${action} on ${bucketArn(scope)}`;
}

/** The same on the objects beneath the prefix. */
export function allowOnObjects(scope: PolicyScope, action: string): string {
  return `allow ${action} on ${objectsArn(scope)}`;
}

/** A key is named by its id or ARN; an alias only by a condition on the key that is used. */
function keyStatement(keyId: string, scope: PolicyScope): Statement {
  const [, alias] = /(?:^|:)(alias\/.+)$/.exec(keyId) ?? [];
  const keys = `arn:${partitionOf(scope)}:kms:*:*:key/`;
  const named = keyId.startsWith('arn:') ? keyId : keys + keyId;
  return {
    Sid: 'Key',
    Effect: 'Allow',
    Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
    Resource: alias === undefined ? named : `${keys}*`,
    ...(alias === undefined ? {} : { Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': alias } } }),
  };
}

function bucketArn(scope: PolicyScope): string {
  return `arn:${partitionOf(scope)}:s3:::${scope.bucket}`;
}

function objectsArn(scope: PolicyScope): string {
  return `${bucketArn(scope)}/${literal(scope.prefix)}*`;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
function partitionOf({ region = '' }: PolicyScope): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/**
 * Text in which nothing stands for something else.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
function literal(text: string): string {
  return text.replace(/[*?$]/g, (character) => `\${${character}}`);
}
