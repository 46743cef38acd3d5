import { type Answer, type Call, isoSeconds, quoted, xmlAnswer } from './answer.ts';
import { checksumNodes } from './checksums.ts';
import { compareUtf8 } from './encoding.ts';
import { cutPage, type PageRequest } from './listing.ts';
import { invalidArgument, optional, readListParameters, readMax } from './lists.ts';
import { findUpload } from './multipart.ts';
import { queryOf } from './request.ts';
import type { Bucket, Upload } from './state.ts';
import type { XmlNode } from './xml.ts';

export function listParts({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const upload = findUpload(bucket, request);
  const max = readMax(request, { name: 'max-parts', capEntries: service.limits.pageSize });
  const markerText = queryOf(request, 'part-number-marker') ?? '0';
  if (!/^\d+$/.test(markerText)) throw invalidArgument('part-number-marker', markerText);
  const marker = Number(markerText);
  const after = [...upload.parts].filter(([number]) => number > marker).sort(([a], [b]) => a - b);
  const page = after.slice(0, max);
  return xmlAnswer('ListPartsResult', [
    ['Bucket', bucket.name],
    ['Key', upload.key],
    ['UploadId', upload.uploadId],
    ['StorageClass', upload.properties.settings['x-amz-storage-class'] ?? 'STANDARD'],
    ['ChecksumAlgorithm', upload.checksum?.algorithm.toUpperCase()],
    ['ChecksumType', upload.checksum?.type],
    ['PartNumberMarker', marker],
    ['NextPartNumberMarker', page.at(-1)?.[0] ?? marker],
    ['MaxParts', queryOf(request, 'max-parts') ?? 1000],
    ['IsTruncated', page.length < after.length],
    ...page.map(
      ([number, part]): XmlNode => [
        'Part',
        [
          ['PartNumber', number],
          ['LastModified', isoSeconds(part.lastModifiedMs)],
          ['ETag', quoted(part.etag)],
          ['Size', part.bytes.length],
          ...checksumNodes(part.checksum).filter(([name]) => name !== 'ChecksumType'),
        ],
      ],
    ),
  ]);
}

/** S3 orders uploads by key, those of one key by when they began. */
function uploadsByKey(bucket: Bucket): Map<string, Upload[]> {
  const byKey = new Map<string, Upload[]>();
  const sorted = [...bucket.uploads.values()].sort(
    (a, b) => compareUtf8(a.key, b.key) || a.initiatedMs - b.initiatedMs,
  );
  for (const upload of sorted) byKey.set(upload.key, [...(byKey.get(upload.key) ?? []), upload]);
  return byKey;
}

/** A line of the listing; a common prefix has no upload. */
interface UploadEntry {
  readonly key: string;
  readonly upload?: Upload;
}

/** Everything from the markers on, of which a page is the beginning. */
function uploadEntries(bucket: Bucket, from: PageRequest & { readonly uploadId: string }): UploadEntry[] {
  const byKey = uploadsByKey(bucket);
  const uploadsOf = (key: string): UploadEntry[] => (byKey.get(key) ?? []).map((upload) => ({ key, upload }));
  const sameKey = uploadsOf(from.after);
  const at = sameKey.findIndex(({ upload }) => upload?.uploadId === from.uploadId);
  const page = cutPage([...byKey.keys()], { ...from, maxEntries: from.maxEntries + 1 });
  return [
    ...(at < 0 ? [] : sameKey.slice(at + 1)),
    ...page.entries.flatMap((entry) => (entry.kind === 'prefix' ? [{ key: entry.prefix }] : uploadsOf(entry.key))),
  ];
}

function uploadNode({ key, upload }: UploadEntry, encode: (key: string) => string): XmlNode {
  if (upload === undefined) return ['CommonPrefixes', [['Prefix', encode(key)]]];
  return [
    'Upload',
    [
      ['Key', encode(key)],
      ['UploadId', upload.uploadId],
      ['StorageClass', upload.properties.settings['x-amz-storage-class'] ?? 'STANDARD'],
      ['Initiated', isoSeconds(upload.initiatedMs)],
    ],
  ];
}

export function listMultipartUploads({ service, request }: Call): Answer {
  const bucket = service.bucket(request.bucket);
  const capEntries = service.limits.pageSize;
  const { encode, encodingType, ...parameters } = readListParameters(request, { name: 'max-uploads', capEntries });
  const keyMarker = queryOf(request, 'key-marker') ?? '';
  // Without a key-marker the upload-id-marker is ignored.
  const idMarker = keyMarker === '' ? '' : (queryOf(request, 'upload-id-marker') ?? '');
  const entries = uploadEntries(bucket, { ...parameters, after: keyMarker, uploadId: idMarker });
  const shown = entries.slice(0, parameters.maxEntries);
  const next = shown.length < entries.length ? shown.at(-1) : undefined;
  return xmlAnswer('ListMultipartUploadsResult', [
    ['Bucket', bucket.name],
    ['KeyMarker', encode(keyMarker)],
    ['UploadIdMarker', idMarker],
    ['NextKeyMarker', next === undefined ? undefined : encode(next.key)],
    ['NextUploadIdMarker', next?.upload?.uploadId],
    optional('Prefix', encode(parameters.prefix)),
    optional('Delimiter', encode(parameters.delimiter)),
    ['EncodingType', encodingType],
    ['MaxUploads', queryOf(request, 'max-uploads') ?? 1000],
    ['IsTruncated', next !== undefined],
    ...shown.map((entry) => uploadNode(entry, encode)),
  ]);
}
