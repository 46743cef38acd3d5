// One object at a time.
import { childText, parseXml, type XmlElement, type XmlNode } from '../../../test/strict-s3/xml.ts';
import { bucketOf, type Call, isoTime, xmlAnswer } from './answer.ts';
import type { Bucket, StoredObject } from './bucket.ts';
import { bodyOf, etagOf, readRange, slice } from './content.ts';
import { S3Failure } from './failure.ts';
import type { HttpAnswer } from './http.ts';
import { readSource, type S3Request } from './request.ts';

const KEPT_HEADERS = [
  'content-type',
  'content-encoding',
  'cache-control',
  'content-disposition',
  'content-language',
  'expires',
  'x-amz-storage-class',
];

/** The header lines that an object keeps. */
export function propertiesOf({ headers }: S3Request): string {
  let lines = headers.has('content-type') ? '' : 'Content-Type: binary/octet-stream\r\n';
  for (const [name, value] of headers) {
    if (name.startsWith('x-amz-meta-')) lines += `${name}: ${value}\r\n`;
    else if (KEPT_HEADERS.includes(name)) {
      const kept = name === 'content-encoding' ? value.replace(/\baws-chunked\b,?\s*/, '') : value;
      if (kept !== '') lines += `${name}: ${kept}\r\n`;
    }
  }
  return lines;
}

/** @throws S3Failure `NoSuchKey`, `NoSuchBucket` */
export function findObject(call: Call, { bucket, key }: { readonly bucket: string; readonly key: string }) {
  const object = bucketOf(call.service, bucket).objects.get(key);
  if (object === undefined) throw new S3Failure('NoSuchKey');
  return object;
}

/** Whether the value of If-Match or If-None-Match names this ETag. */
function names(value: string, etag: string): boolean {
  return value.split(',').some((one) => ['*', etag, `"${etag}"`].includes(one.trim()));
}

/** @throws S3Failure `PreconditionFailed`, `NoSuchKey`: the conditions of a write on what it would replace */
export function checkWrite({ headers }: S3Request, current: StoredObject | undefined): void {
  const ifMatch = headers.get('if-match');
  if (headers.has('if-none-match') && current !== undefined) throw new S3Failure('PreconditionFailed');
  if (ifMatch === undefined) return;
  if (current === undefined) throw new S3Failure('NoSuchKey');
  if (!names(ifMatch, current.etag)) throw new S3Failure('PreconditionFailed');
}

export function putObject({ service, request }: Call): HttpAnswer {
  const bucket = bucketOf(service, request.bucket);
  const { headers, key } = request;
  if (headers.has('if-match') || headers.has('if-none-match')) checkWrite(request, bucket.objects.get(key));
  const body = bodyOf(request);
  const etag = etagOf(body, { headers, policy: service.etags });
  bucket.put(key, { ...body, etag, modifiedMs: Date.now(), properties: propertiesOf(request) });
  return { status: 200, head: `ETag: "${etag}"\r\n` };
}

/** GetObject and HeadObject. */
export function readObject(call: Call): HttpAnswer {
  const { headers, method } = call.request;
  const object = findObject(call, call.request);
  const { etag, sizeBytes, properties, content } = object;
  const [ifMatch, ifNoneMatch] = [headers.get('if-match'), headers.get('if-none-match')];
  if (ifMatch !== undefined && !names(ifMatch, etag)) throw new S3Failure('PreconditionFailed');
  const modified = new Date(object.modifiedMs).toUTCString();
  const head = `ETag: "${etag}"\r\nLast-Modified: ${modified}\r\nAccept-Ranges: bytes\r\n${properties}`;
  if (ifNoneMatch !== undefined && names(ifNoneMatch, etag)) return { status: 304, head };
  const range = readRange(headers.get('range'), sizeBytes);
  if (range === undefined) return { status: 200, head, body: method === 'HEAD' ? [] : content, lengthBytes: sizeBytes };
  const lengthBytes = range.end + 1 - range.start;
  const rangeLine = `Content-Range: bytes ${range.start}-${range.end}/${sizeBytes}\r\n`;
  return { status: 206, head: head + rangeLine, body: method === 'HEAD' ? [] : slice(content, range), lengthBytes };
}

export function deleteObject({ service, request }: Call): HttpAnswer {
  const bucket = bucketOf(service, request.bucket);
  if (request.headers.has('if-match')) checkWrite(request, bucket.objects.get(request.key));
  bucket.delete(request.key);
  return { status: 204 };
}

/** Reads the XML of a request. @throws S3Failure `MalformedXML` */
export function readXml({ body }: S3Request): XmlElement {
  try {
    return parseXml(body.toString());
  } catch (error) {
    throw new S3Failure('MalformedXML', String(error));
  }
}

export function deleteObjects({ service, request }: Call): HttpAnswer {
  const bucket = bucketOf(service, request.bucket);
  const document = readXml(request);
  const deleted: XmlNode[] = [];
  for (const element of document.children.filter(({ name }) => name === 'Object')) {
    const key = childText(element, 'Key') ?? '';
    bucket.delete(key);
    deleted.push(['Deleted', [['Key', key]]]);
  }
  return xmlAnswer('DeleteResult', childText(document, 'Quiet') === 'true' ? [] : deleted);
}

/** The source of a copy, its conditions checked. @throws S3Failure */
export function copySource(call: Call): StoredObject {
  const { headers } = call.request;
  const object = findObject(call, readSource(headers.get('x-amz-copy-source') ?? ''));
  const [ifMatch, ifNoneMatch] = ['', 'none-'].map((not) => headers.get(`x-amz-copy-source-if-${not}match`));
  if (ifMatch !== undefined && !names(ifMatch, object.etag)) throw new S3Failure('PreconditionFailed');
  if (ifNoneMatch !== undefined && names(ifNoneMatch, object.etag)) throw new S3Failure('PreconditionFailed');
  return object;
}

/** The same bytes in the bucket's own memory: the source's may go with its bucket. */
export function copied(bucket: Bucket, piece: Buffer): Buffer {
  const copy = bucket.reserve(piece.length);
  piece.copy(copy);
  return copy;
}

export function copyObject(call: Call): HttpAnswer {
  const { service, request } = call;
  const bucket = bucketOf(service, request.bucket);
  const source = copySource(call);
  checkWrite(request, bucket.objects.get(request.key));
  const replaced = request.headers.get('x-amz-metadata-directive') === 'REPLACE';
  const properties = replaced ? propertiesOf(request) : source.properties;
  const content = source.content.map((piece) => copied(bucket, piece));
  const etag = etagOf(source, { headers: NO_HEADERS, policy: service.etags });
  const modifiedMs = Date.now();
  bucket.put(request.key, { content, sizeBytes: source.sizeBytes, etag, modifiedMs, properties });
  return xmlAnswer('CopyObjectResult', [
    ['ETag', `"${etag}"`],
    ['LastModified', isoTime(modifiedMs)],
  ]);
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map();
