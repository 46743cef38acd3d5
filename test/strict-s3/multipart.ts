import { type Answer, type Call, emptyAnswer, isoSeconds, quoted, xmlAnswer } from './answer.ts';
import { givenChecksum } from './body.ts';
import { readXml } from './buckets.ts';
import {
  type Algorithm,
  checksumHeaders,
  checksumNodes,
  checksumOf,
  compositeOf,
  md5Hex,
  parseAlgorithm,
} from './checksums.ts';
import { checkWrite, namesEtag } from './conditions.ts';
import { findSource, sourceVersionHeader } from './copy.ts';
import { checkCustomerKey } from './customer-key.ts';
import { failure } from './errors.ts';
import { checkSize, versionHeader } from './objects.ts';
import { readProperties } from './properties.ts';
import { queryOf, type S3Request } from './request.ts';
import { type Bucket, makeId, type NewObject, type Part, type Upload } from './state.ts';
import { childText, type XmlElement, type XmlNode } from './xml.ts';

const MAX_PARTS = 10_000;

function invalidRequest(message: string): Error {
  return failure('InvalidRequest', { message });
}

/** @throws S3Failure `NoSuchUpload` */
export function findUpload(bucket: Bucket, request: S3Request): Upload {
  const uploadId = queryOf(request, 'uploadId') ?? '';
  const upload = bucket.uploads.get(uploadId);
  if (upload === undefined || upload.key !== request.key)
    throw failure('NoSuchUpload', { fields: { UploadId: uploadId } });
  return upload;
}

/** SHA checksums of parts cannot be joined to one of the whole, and CRC-64/NVME is only ever of the whole. */
function readUploadChecksum(request: S3Request): Upload['checksum'] {
  const name = request.headers.get('x-amz-checksum-algorithm');
  const type = request.headers.get('x-amz-checksum-type');
  if (name === undefined && type === undefined) return undefined;
  const algorithm = parseAlgorithm(name ?? '');
  if (algorithm === undefined) throw invalidRequest('Checksum algorithm provided is unsupported.');
  const chosen = type ?? (algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE');
  const impossible = algorithm === 'crc64nvme' ? 'COMPOSITE' : algorithm.startsWith('sha') ? 'FULL_OBJECT' : '';
  if ((chosen !== 'COMPOSITE' && chosen !== 'FULL_OBJECT') || chosen === impossible) {
    throw invalidRequest(`The ${chosen} checksum type cannot be used with the ${algorithm} checksum algorithm.`);
  }
  return { algorithm, type: chosen };
}

export function createMultipartUpload({ service, request, nowMs }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const upload: Upload = {
    uploadId: makeId(),
    key: request.key,
    initiatedMs: nowMs,
    properties: readProperties(request),
    checksum: readUploadChecksum(request),
    parts: new Map(),
  };
  bucket.uploads.set(upload.uploadId, upload);
  return xmlAnswer(
    'InitiateMultipartUploadResult',
    [
      ['Bucket', bucket.name],
      ['Key', request.key],
      ['UploadId', upload.uploadId],
    ],
    upload.checksum === undefined
      ? {}
      : {
          'x-amz-checksum-algorithm': upload.checksum.algorithm.toUpperCase(),
          'x-amz-checksum-type': upload.checksum.type,
        },
  );
}

function readPartNumber(request: S3Request): number {
  const text = queryOf(request, 'partNumber') ?? '';
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MAX_PARTS) return number;
  const message = `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`;
  throw failure('InvalidArgument', { message, fields: { ArgumentName: 'partNumber', ArgumentValue: text } });
}

export function uploadPart({ service, request, body, nowMs }: Call): Answer {
  const upload = findUpload(service.bucket(request.bucket), request);
  const number = readPartNumber(request);
  checkCustomerKey(request, upload.properties.customerKey);
  const expected = upload.checksum?.algorithm;
  const actual = body.checksum?.algorithm;
  if (actual !== expected && (actual !== undefined || upload.checksum?.type === 'COMPOSITE')) {
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: ${expected ?? 'null'}, actual checksum Type: ${actual ?? 'null'}`,
    );
  }
  const { bytes, checksum } = body;
  upload.parts.set(number, { bytes, etag: md5Hex(bytes), lastModifiedMs: nowMs, checksum });
  return emptyAnswer(200, { etag: quoted(md5Hex(bytes)), ...checksumHeaders(checksum) });
}

/** Unlike a Range header this one must be exact. */
function readSourceRange(request: S3Request, sizeBytes: number): { start: number; end: number } {
  const header = request.headers.get('x-amz-copy-source-range');
  if (header === undefined) return { start: 0, end: sizeBytes - 1 };
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  const fields = { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header };
  if (start === undefined || end === undefined || Number(start) > Number(end)) {
    const message = 'The x-amz-copy-source-range value must be of the form bytes=first-last';
    throw failure('InvalidArgument', { message, fields });
  }
  if (Number(end) >= sizeBytes) {
    const message = `Range specified is not valid for source object of size: ${sizeBytes}`;
    throw failure('InvalidArgument', { message, fields });
  }
  return { start: Number(start), end: Number(end) };
}

export function uploadPartCopy(call: Call): Answer {
  const { service, request, nowMs } = call;
  const upload = findUpload(service.bucket(request.bucket), request);
  const number = readPartNumber(request);
  checkCustomerKey(request, upload.properties.customerKey);
  const source = findSource(call);
  const { start, end } = readSourceRange(request, source.object.bytes.length);
  const bytes = source.object.bytes.subarray(start, end + 1);
  checkSize(bytes.length, service.limits.maxPutBytes);
  const checksum = upload.checksum === undefined ? undefined : checksumOf(upload.checksum.algorithm, bytes);
  upload.parts.set(number, { bytes, etag: md5Hex(bytes), lastModifiedMs: nowMs, checksum });
  return xmlAnswer(
    'CopyPartResult',
    [['ETag', quoted(md5Hex(bytes))], ['LastModified', isoSeconds(nowMs)], ...checksumNodes(checksum)],
    sourceVersionHeader(source),
  );
}

/** The stored part that an element of the Complete body names. */
function findPart(upload: Upload, element: XmlElement): Part {
  const number = Number(childText(element, 'PartNumber'));
  const part = upload.parts.get(number);
  const etag = childText(element, 'ETag') ?? '';
  const fields = { UploadId: upload.uploadId, PartNumber: number, ETag: etag };
  if (part === undefined || etag === '*' || !namesEtag(etag, part.etag)) throw failure('InvalidPart', { fields });
  const given = givenInElement(element);
  if (upload.checksum?.type === 'COMPOSITE' && given === undefined) {
    const { algorithm } = upload.checksum;
    throw invalidRequest(
      `The upload was created using a ${algorithm} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
    );
  }
  if (given !== undefined && (given.algorithm !== part.checksum?.algorithm || given.value !== part.checksum.value)) {
    throw failure('InvalidPart', { fields });
  }
  return part;
}

function givenInElement(element: XmlElement): { algorithm: Algorithm; value: string } | undefined {
  const headers = element.children.map(({ name, text }) => [
    name.replace(/^Checksum(.*)$/, (_, algorithm: string) => `x-amz-checksum-${algorithm.toLowerCase()}`),
    text,
  ]);
  return givenChecksum(new Map(headers as [string, string][]), new Map());
}

/** @throws S3Failure `MalformedXML`, `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall` */
function chooseParts(
  upload: Upload,
  { body, minPartBytes }: { readonly body: Buffer; readonly minPartBytes: number },
): Part[] {
  const elements = readXml(body, 'CompleteMultipartUpload').children.filter(({ name }) => name === 'Part');
  const numbers = elements.map((element) => Number(childText(element, 'PartNumber') ?? ''));
  const wellFormed = numbers.every((number) => Number.isInteger(number) && number >= 1 && number <= MAX_PARTS);
  if (elements.length === 0 || elements.length > MAX_PARTS || !wellFormed) throw failure('MalformedXML');
  if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!)) throw failure('InvalidPartOrder');
  const parts = elements.map((element) => findPart(upload, element));
  const small = parts.findIndex((part, index) => index < parts.length - 1 && part.bytes.length < minPartBytes);
  if (small >= 0) {
    const part = parts[small]!;
    throw failure('EntityTooSmall', {
      fields: {
        ProposedSize: part.bytes.length,
        MinSizeAllowed: minPartBytes,
        PartNumber: numbers[small]!,
        ETag: part.etag,
      },
    });
  }
  return parts;
}

/** The object that the parts make. */
function joinParts({ checksum }: Upload, parts: readonly Part[]): Pick<NewObject, 'bytes' | 'etag' | 'checksum'> {
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  const md5s = Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex')));
  const etag = `${md5Hex(md5s)}-${parts.length}`;
  if (checksum === undefined) return { bytes, etag, checksum };
  const { algorithm, type } = checksum;
  const values = parts.flatMap((part) => part.checksum?.value ?? []);
  return {
    bytes,
    etag,
    checksum: type === 'FULL_OBJECT' ? checksumOf(algorithm, bytes) : compositeOf(algorithm, values),
  };
}

/** What the Complete request itself claims about the whole object. */
function verifyWhole(request: S3Request, { bytes, checksum }: Pick<NewObject, 'bytes' | 'checksum'>): void {
  const size = request.headers.get('x-amz-mp-object-size');
  if (size !== undefined && Number(size) !== bytes.length) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${size} does not match what was computed: ${bytes.length}`,
    );
  }
  const type = request.headers.get('x-amz-checksum-type');
  if (type !== undefined && type !== checksum?.type) {
    throw invalidRequest(
      `The upload was created using the ${checksum?.type ?? 'null'} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  const given = givenChecksum(request.headers, new Map());
  if (given === undefined) return;
  const whole = checksum?.algorithm === given.algorithm ? checksum : checksumOf(given.algorithm, bytes);
  if (whole.value !== given.value) {
    throw failure('BadDigest', {
      message: `The ${given.algorithm} you specified did not match the calculated checksum.`,
    });
  }
}

/** A second Complete of the same upload is NoSuchUpload: AWS may remember the first one, and no client can rely on that. */
export function completeMultipartUpload({ service, request, body, nowMs }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const upload = findUpload(bucket, request);
  const parts = chooseParts(upload, { body: body.bytes, minPartBytes: service.limits.minPartBytes });
  const whole = joinParts(upload, parts);
  verifyWhole(request, whole);
  checkWrite(request, bucket.current(request.key));
  bucket.uploads.delete(upload.uploadId);
  const stored = bucket.put(request.key, { ...whole, lastModifiedMs: nowMs, properties: upload.properties });
  const nodes: XmlNode[] = [
    ['Location', `/${bucket.name}/${request.key}`],
    ['Bucket', bucket.name],
    ['Key', request.key],
    ['ETag', quoted(stored.etag)],
    ...checksumNodes(stored.checksum),
  ];
  return xmlAnswer('CompleteMultipartUploadResult', nodes, versionHeader(bucket, stored));
}

export function abortMultipartUpload({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  bucket.uploads.delete(findUpload(bucket, request).uploadId);
  return emptyAnswer(204);
}
