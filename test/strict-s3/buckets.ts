import { type Answer, type Call, emptyAnswer, isoSeconds, xmlAnswer } from './answer.ts';
import { failure, notImplemented } from './errors.ts';
import { Bucket } from './state.ts';
import { childText, parseXml, type XmlElement } from './xml.ts';

/** The account that owns everything here. */
export const OWNER_ID = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET_NAME = /^(?!\d+\.\d+\.\d+\.\d+$)(?!xn--)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]$/;

/** @throws S3Failure `MalformedXML` unless the body is a document with this root. */
export function readXml(bytes: Buffer, rootName: string): XmlElement {
  try {
    const root = parseXml(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (root.name === rootName) return root;
  } catch (error) {
    throw failure('MalformedXML', { fields: { Reason: String(error) } });
  }
  throw failure('MalformedXML');
}

export function listBuckets({ service }: Call): Answer {
  return xmlAnswer('ListAllMyBucketsResult', [
    ['Owner', [['ID', OWNER_ID]]],
    [
      'Buckets',
      [...service.buckets.values()].map(({ name, createdMs }) => [
        'Bucket',
        [
          ['Name', name],
          ['CreationDate', isoSeconds(createdMs)],
        ],
      ]),
    ],
  ]);
}

export function createBucket({ service, request, body, nowMs }: Call): Answer {
  const name = request.bucket;
  if (!BUCKET_NAME.test(name)) throw failure('InvalidBucketName', { fields: { BucketName: name } });
  const configuration = body.bytes.length === 0 ? undefined : readXml(body.bytes, 'CreateBucketConfiguration');
  const location = configuration === undefined ? undefined : childText(configuration, 'LocationConstraint');
  // us-east-1 is the one region that must not be named.
  if ((location ?? 'us-east-1') !== service.region) throw failure('IllegalLocationConstraintException');
  // Creating one's bucket again succeeds in us-east-1 and nowhere else.
  if (service.buckets.has(name) && service.region !== 'us-east-1') {
    throw failure('BucketAlreadyOwnedByYou', { fields: { BucketName: name } });
  }
  if (!service.buckets.has(name)) service.buckets.set(name, new Bucket(name, nowMs));
  return emptyAnswer(200, { location: `/${name}` });
}

export function headBucket({ service, request }: Call): Answer {
  service.bucket(request.bucket);
  return emptyAnswer(200, { 'x-amz-bucket-region': service.region });
}

export function deleteBucket({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  if (bucket.keys().length > 0) throw failure('BucketNotEmpty', { fields: { BucketName: bucket.name } });
  service.buckets.delete(bucket.name);
  return emptyAnswer(204);
}

export function getBucketLocation({ service, request }: Call): Answer {
  service.bucket(request.bucket);
  const { region } = service;
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${region === 'us-east-1' ? '' : region}</LocationConstraint>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(body) };
}

export function getBucketVersioning({ service, request }: Call): Answer {
  return xmlAnswer('VersioningConfiguration', [['Status', service.bucket(request.bucket).versioning]]);
}

export function getBucketLifecycleConfiguration({ service, request }: Call): Answer {
  const { uploadRules, name } = service.bucket(request.bucket);
  if (uploadRules.length === 0) throw failure('NoSuchLifecycleConfiguration', { fields: { BucketName: name } });
  return xmlAnswer(
    'LifecycleConfiguration',
    uploadRules.map(({ prefix, days, isEnabled }) => [
      'Rule',
      [
        ['Filter', [['Prefix', prefix]]],
        ['Status', isEnabled ? 'Enabled' : 'Disabled'],
        ['AbortIncompleteMultipartUpload', [['DaysAfterInitiation', days]]],
      ],
    ]),
  );
}

export function putBucketVersioning({ service, request, body }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const configuration = readXml(body.bytes, 'VersioningConfiguration');
  if (childText(configuration, 'MfaDelete') !== undefined) throw notImplemented('parameter', 'MfaDelete');
  const status = childText(configuration, 'Status');
  if (status !== 'Enabled' && status !== 'Suspended') throw failure('IllegalVersioningConfigurationException');
  bucket.versioning = status;
  return emptyAnswer(200);
}
