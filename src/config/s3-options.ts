// Pure. The options about the server and the requests to it: see options.ts.
import { accountId, count, duration, endpoint, flag, size, text } from './kinds.ts';
import { ONE_SHOT, option, REMOTE_COMMANDS, S3_COMMANDS, WORK_COMMANDS, WRITERS } from './option.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;

/** Rows of the table. */
export const S3_OPTIONS = {
  endpointUrl: option({
    flag: 'endpoint-url',
    kind: endpoint,
    default: undefined,
    defaultText: "AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's, or AWS",
    commands: S3_COMMANDS,
    group: 'S3',
    help: 'The S3 server to talk to',
  }),
  region: option({
    flag: 'region',
    kind: text('NAME'),
    default: undefined,
    defaultText: "AWS_REGION or the profile's",
    commands: S3_COMMANDS,
    group: 'S3',
    help: "The bucket's region",
  }),
  profile: option({
    flag: 'profile',
    kind: text('NAME'),
    default: undefined,
    defaultText: 'AWS_PROFILE',
    commands: S3_COMMANDS,
    group: 'S3',
    help: 'The profile of ~/.aws/config and ~/.aws/credentials to take credentials from, whatever keys the environment holds; and what region and endpoint it names, where nothing else does',
  }),
  forcePathStyle: option({
    flag: 'force-path-style',
    kind: flag,
    default: undefined,
    defaultText: 'off for AWS, on for every other endpoint',
    commands: S3_COMMANDS,
    group: 'S3',
    help: 'Put the bucket in the path of the URL instead of the host name',
  }),
  concurrency: option({
    flag: 'concurrency',
    kind: count({ min: 1, max: 1_000 }),
    default: 64,
    commands: WORK_COMMANDS,
    group: 'S3',
    help: 'At most this many requests at a time; fewer when the server asks for less',
  }),
  maxBandwidthBytes: option({
    flag: 'max-bandwidth',
    kind: size({ minBytes: 64 * 1024, maxBytes: 1024 * GiB }),
    default: undefined,
    defaultText: 'none',
    commands: WORK_COMMANDS,
    group: 'S3',
    help: 'At most so much content a second, sent and fetched together, on average. An agent that is told to end has no limit any more',
  }),
  partSizeBytes: option({
    flag: 'part-size',
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    kind: size({ minBytes: 5 * MiB, maxBytes: 5 * GiB }),
    default: 8 * MiB,
    commands: WORK_COMMANDS,
    group: 'S3',
    help: 'The part size of multipart uploads, grown for files that would need more than 10,000 parts',
  }),
  multipartThresholdBytes: option({
    flag: 'multipart-threshold',
    kind: size({ minBytes: 5 * MiB, maxBytes: 5 * GiB }),
    default: 16 * MiB,
    commands: WRITERS,
    group: 'S3',
    help: 'Files of this size and more are uploaded in parts',
  }),
  requestTimeoutMs: option({
    flag: 'request-timeout',
    kind: duration({ minMs: 1_000 }),
    default: 60_000,
    commands: S3_COMMANDS,
    group: 'S3',
    help: 'A request that makes no progress for this long has failed and is tried again',
  }),
  requesterPays: option({
    flag: 'requester-pays',
    kind: flag,
    default: false,
    commands: S3_COMMANDS,
    group: 'S3',
    help: 'Pay for requests and traffic of a bucket whose owner does not',
  }),
  expectedBucketOwner: option({
    flag: 'expected-bucket-owner',
    kind: accountId,
    default: undefined,
    defaultText: 'any',
    commands: S3_COMMANDS,
    group: 'S3',
    help: 'Work only on a bucket of this account',
  }),
  retryHorizonMs: option({
    flag: 'retry-horizon',
    kind: duration(),
    default: 600_000,
    commands: [...ONE_SHOT, ...REMOTE_COMMANDS],
    group: 'S3',
    help: 'How long a failing request is tried again before its path is reported as failed (run and watch never give up)',
  }),
} as const;
