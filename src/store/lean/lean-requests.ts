// The hot requests without the SDK's middleware: an eighth of its CPU.
import type { Readable } from 'node:stream';
import { given, type Header } from '../http/messages.ts';
import type { SettingHeaders } from '../object-settings.ts';
import type { ObjectAttributes } from '../object-store.ts';
import type { GetRequest, ObjectAnswer, S3Requests, SendOptions, WriteAnswer } from '../s3-requests.ts';
import { deleteDocument, elementsOf, readDocument, textOf, wholeText } from './documents.ts';
import { type Answered, unreadable } from './error-answer.ts';
import type { LeanClient, LeanRequest } from './lean-client.ts';
import { readListPage } from './list-page.ts';
import { encodeQuery } from './sigv4.ts';
import { readVersionPage } from './version-page.ts';

const META = 'x-amz-meta-';
/** The SDK's default for a body. */
const BYTES = 'application/octet-stream';

/** Requests by this client, which is closed with them. */
export function leanRequests(client: LeanClient, settings: SettingHeaders): S3Requests {
  /** MD5 would be the dearest of all that is done to a body; its signed SHA-256 is verified as well. */
  let needsMd5 = false;
  const sendBody = async (request: LeanRequest, o: SendOptions, md5 = needsMd5): Promise<WriteAnswer> => {
    // AWS keeps the CRC of an object; that of a part would have to be announced.
    const keepsCrc = client.speaksAws && request.query === undefined;
    const checksum = md5 || !keepsCrc ? { md5 } : {};
    try {
      return writeAnswer(await client.send({ ...request, ...checksum }, o.abortSignal));
    } catch (error) {
      if (md5 || !wantsMd5(error)) throw error;
      needsMd5 = true;
      return sendBody(request, o, needsMd5);
    }
  };
  return {
    headBucket: async (o) => {
      const { headers } = await client.send({ method: 'HEAD', headers: settings.of('HeadBucket') }, o.abortSignal);
      return { RequestId: headers['x-amz-request-id'] };
    },
    bucketVersioning: async (o) => {
      const headers = settings.of('GetBucketVersioning');
      const answer = await client.send({ method: 'GET', query: 'versioning=', headers }, o.abortSignal);
      return { Status: textOf(readDocument(answer, 'VersioningConfiguration'), 'Status') };
    },
    headObject: async (key, { versionId, abortSignal }) => {
      const headers = settings.of('HeadObject', key);
      const request = { method: 'HEAD', key, headers, query: versionQuery(versionId) } as const;
      return objectAnswer(await client.send(request, abortSignal));
    },
    getObject: async (get, o) => {
      const answer = await client.open(getRequest(get, settings), o.abortSignal);
      return { ...objectAnswer(answer), Body: answer.body as Readable };
    },
    getObjectBytes: async (get, o) => {
      let head: ObjectAnswer | undefined;
      const onHead = (answered: Answered): void => {
        head = objectAnswer(answered);
        get.accept(head);
      };
      const { body } = await client.send({ ...getRequest(get, settings), onHead, into: get.into }, o.abortSignal);
      return Object.assign(head!, { Body: body });
    },
    putObject: async ({ key, body, attributes, ifMatch, ifNoneMatch, sha256 }, o) => {
      const conditions = [...given('if-match', ifMatch), ...given('if-none-match', ifNoneMatch)];
      const { contentType = BYTES } = attributes;
      const own = [...attributeHeaders({ ...attributes, contentType }), ...conditions];
      const headers = [...own, ...settings.of('PutObject', key)];
      return sendBody({ method: 'PUT', key, headers, body, sha256 }, o);
    },
    copyObject: async ({ source, ifMatch, key, attributes }, o) => {
      const headers: Header[] = [
        ['x-amz-copy-source', source],
        ['x-amz-copy-source-if-match', ifMatch],
        ...(client.speaksRgw ? ([['x-amz-copy-if-match', ifMatch]] as const) : []),
        ['x-amz-metadata-directive', 'REPLACE'],
        ...attributeHeaders(attributes),
        ...settings.of('CopyObject', key),
      ];
      const answer = await client.send({ method: 'PUT', key, headers }, o.abortSignal);
      const { VersionId } = writeAnswer(answer);
      return { ETag: textOf(readDocument(answer, 'CopyObjectResult'), 'ETag'), VersionId };
    },
    uploadPart: async ({ key, uploadId, partNumber, body, sha256 }, o) => {
      const query = `partNumber=${partNumber}&uploadId=${encodeQuery(uploadId)}`;
      const headers = [...given('content-type', BYTES), ...settings.of('UploadPart', key)];
      return sendBody({ method: 'PUT', key, query, headers, body, sha256 }, o);
    },
    deleteObjects: async (keys, o) => {
      const headers: Header[] = [['content-type', 'application/xml'], ...settings.of('DeleteObjects')];
      const writes = keys.length === 1 ? keys[0] : undefined;
      const request = { method: 'POST', query: 'delete=', headers, body: deleteDocument(keys), writes } as const;
      const result = readDocument(await client.send(request, o.abortSignal), 'DeleteResult');
      return {
        Deleted: elementsOf(result, 'Deleted').map((one) => ({ Key: textOf(one, 'Key') })),
        Errors: elementsOf(result, 'Error').map((one) => ({
          Key: textOf(one, 'Key'),
          Code: textOf(one, 'Code'),
          Message: textOf(one, 'Message'),
        })),
      };
    },
    listObjects: async ({ prefix, maxKeys, continuationToken }, o) => {
      const token = continuationToken === undefined ? '' : `continuation-token=${encodeQuery(continuationToken)}&`;
      // XML 1.0 cannot carry every character a key may hold.
      const query = `${token}encoding-type=url&list-type=2&max-keys=${maxKeys}&prefix=${encodeQuery(prefix)}`;
      const answer = await client.send({ method: 'GET', query, headers: settings.of('ListObjectsV2') }, o.abortSignal);
      const root = 'ListBucketResult';
      const text = wholeText(answer, root);
      try {
        return readListPage(text, () => readDocument(answer, root));
      } catch (error) {
        throw unreadable(answer, (error as Error).message);
      }
    },
    listVersions: async ({ prefix, maxKeys, keyMarker, versionIdMarker }, o) => {
      const marker = keyMarker === undefined ? '' : `key-marker=${encodeQuery(keyMarker)}&`;
      const version = versionIdMarker === undefined ? '' : `version-id-marker=${encodeQuery(versionIdMarker)}&`;
      const query = `encoding-type=url&${marker}max-keys=${maxKeys}&prefix=${encodeQuery(prefix)}&${version}versions=`;
      const headers = settings.of('ListObjectVersions');
      const answer = await client.send({ method: 'GET', query, headers }, o.abortSignal);
      const page = readVersionPage(wholeText(answer, 'ListVersionsResult'));
      if (page !== undefined) return page;
      throw Object.assign(new Error('its listing of versions is of no form that is known'), { name: 'NotImplemented' });
    },
    close: () => client.close(),
  };
}

function versionQuery(versionId: string | undefined): string {
  return versionId === undefined ? '' : `versionId=${encodeQuery(versionId)}`;
}

function getRequest({ key, ifMatch, range, versionId }: GetRequest, settings: SettingHeaders): LeanRequest {
  const headers = [...given('if-match', ifMatch), ...given('range', range), ...settings.of('GetObject', key)];
  return { method: 'GET', key, headers, query: versionQuery(versionId) };
}

function attributeHeaders({ metadata, contentType }: ObjectAttributes): Header[] {
  const headers = given('content-type', contentType);
  for (const name in metadata) headers.push([META + name, metadata[name]!]);
  return headers;
}

function writeAnswer({ headers }: Answered): WriteAnswer {
  return { ETag: headers['etag'], VersionId: headers['x-amz-version-id'] };
}

function objectAnswer(answer: Answered): ObjectAnswer {
  const { headers } = answer;
  const Metadata: Record<string, string> = {};
  for (const name in headers) if (name.startsWith(META)) Metadata[name.slice(META.length)] = headers[name]!;
  const [length, modified] = [headers['content-length'], headers['last-modified']];
  return {
    ...writeAnswer(answer),
    ContentLength: length === undefined ? undefined : Number(length),
    ContentRange: headers['content-range'],
    ContentType: headers['content-type'],
    LastModified: modified === undefined ? undefined : new Date(modified),
    Metadata,
  };
}

/** Where objects are locked by default AWS does not take the signature for a checksum, and says so. */
function wantsMd5(error: unknown): boolean {
  return error instanceof Error && error.name === 'InvalidRequest' && /Content-MD5/i.test(error.message);
}
