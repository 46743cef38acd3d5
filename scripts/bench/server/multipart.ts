// Objects in parts.
import { childText, type XmlNode } from '../../../test/strict-s3/xml.ts';
import { bucketOf, type Call, isoTime, xmlAnswer } from './answer.ts';
import type { Part, Upload } from './bucket.ts';
import { bodyOf, etagOf, multipartEtag, readRange, sizeOf, slice } from './content.ts';
import { S3Failure } from './failure.ts';
import type { HttpAnswer } from './http.ts';
import { checkWrite, copied, copySource, propertiesOf, readXml } from './objects.ts';

let uploadsMade = 0;

/** @throws S3Failure `NoSuchUpload` */
function findUpload({ service, request }: Call): Upload {
  const upload = bucketOf(service, request.bucket).uploads.get(request.query.get('uploadId') ?? '');
  if (upload === undefined || upload.key !== request.key) throw new S3Failure('NoSuchUpload');
  return upload;
}

export function createMultipartUpload({ service, request }: Call): HttpAnswer {
  const bucket = bucketOf(service, request.bucket);
  const id = `upload-${++uploadsMade}`;
  const properties = propertiesOf(request);
  bucket.uploads.set(id, { id, key: request.key, initiatedMs: Date.now(), properties, parts: new Map() });
  return xmlAnswer('InitiateMultipartUploadResult', [
    ['Bucket', bucket.name],
    ['Key', request.key],
    ['UploadId', id],
  ]);
}

function addPart(call: Call, part: Omit<Part, 'modifiedMs'>): Part {
  const number = Number(call.request.query.get('partNumber'));
  if (!Number.isInteger(number) || number < 1 || number > 10_000) throw new S3Failure('InvalidArgument', 'partNumber');
  const added = { ...part, modifiedMs: Date.now() };
  findUpload(call).parts.set(number, added);
  return added;
}

export function uploadPart(call: Call): HttpAnswer {
  const body = bodyOf(call.request);
  const etag = etagOf(body, { headers: call.request.headers, policy: call.service.etags });
  addPart(call, { ...body, etag });
  return { status: 200, head: `ETag: "${etag}"\r\n` };
}

export function uploadPartCopy(call: Call): HttpAnswer {
  const source = copySource(call);
  const range = readRange(call.request.headers.get('x-amz-copy-source-range'), source.sizeBytes);
  const bucket = bucketOf(call.service, call.request.bucket);
  const pieces = range === undefined ? source.content : slice(source.content, range);
  const content = pieces.map((piece) => copied(bucket, piece));
  const body = { content, sizeBytes: sizeOf(content) };
  const { etag, modifiedMs } = addPart(call, {
    ...body,
    etag: etagOf(body, { headers: new Map(), policy: call.service.etags }),
  });
  return xmlAnswer('CopyPartResult', [
    ['ETag', `"${etag}"`],
    ['LastModified', isoTime(modifiedMs)],
  ]);
}

export function completeMultipartUpload(call: Call): HttpAnswer {
  const { service, request } = call;
  const bucket = bucketOf(service, request.bucket);
  const upload = findUpload(call);
  checkWrite(request, bucket.objects.get(request.key));
  const named = readXml(request).children.filter(({ name }) => name === 'Part');
  const parts = named.map((element) => {
    const part = upload.parts.get(Number(childText(element, 'PartNumber')));
    if (part === undefined || part.etag !== childText(element, 'ETag')?.replaceAll('"', '')) {
      throw new S3Failure('InvalidPart');
    }
    return part;
  });
  if (parts.length === 0) throw new S3Failure('MalformedXML');
  const content = parts.flatMap((part) => part.content);
  const etag = multipartEtag(parts);
  const { properties } = upload;
  bucket.put(request.key, { content, sizeBytes: sizeOf(content), etag, modifiedMs: Date.now(), properties });
  bucket.uploads.delete(upload.id);
  return xmlAnswer('CompleteMultipartUploadResult', [
    ['Location', `/${bucket.name}/${request.key}`],
    ['Bucket', bucket.name],
    ['Key', request.key],
    ['ETag', `"${etag}"`],
  ]);
}

export function abortMultipartUpload(call: Call): HttpAnswer {
  bucketOf(call.service, call.request.bucket).uploads.delete(findUpload(call).id);
  return { status: 204 };
}

/** All parts in one page: nobody here sends more than fit. */
export function listParts(call: Call): HttpAnswer {
  const upload = findUpload(call);
  const marker = Number(call.request.query.get('part-number-marker') ?? 0);
  const after = [...upload.parts].filter(([number]) => number > marker).sort(([a], [b]) => a - b);
  const max = Number(call.request.query.get('max-parts') ?? 1000);
  const page = after.slice(0, max);
  return xmlAnswer('ListPartsResult', [
    ['Bucket', call.request.bucket],
    ['Key', upload.key],
    ['UploadId', upload.id],
    ['PartNumberMarker', marker],
    ['NextPartNumberMarker', page.at(-1)?.[0] ?? marker],
    ['IsTruncated', page.length < after.length],
    ...page.map(([number, part]): XmlNode => {
      const seen = { PartNumber: number, LastModified: isoTime(part.modifiedMs), ETag: `"${part.etag}"` };
      return ['Part', Object.entries({ ...seen, Size: part.sizeBytes })];
    }),
  ]);
}

/** All uploads in one page, without delimiter. */
export function listMultipartUploads({ service, request }: Call): HttpAnswer {
  const bucket = bucketOf(service, request.bucket);
  const prefix = request.query.get('prefix') ?? '';
  const encode = request.query.get('encoding-type') === 'url' ? encodeURIComponent : (key: string) => key;
  return xmlAnswer('ListMultipartUploadsResult', [
    ['Bucket', bucket.name],
    ['Prefix', encode(prefix)],
    ['EncodingType', request.query.get('encoding-type')],
    ['IsTruncated', false],
    ...[...bucket.uploads.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ key, id, initiatedMs }): XmlNode => {
        return ['Upload', Object.entries({ Key: encode(key), UploadId: id, Initiated: isoTime(initiatedMs) })];
      }),
  ]);
}
