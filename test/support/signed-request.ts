// A minimal S3 client that can be made to lie: every header is as the test says, also the wrong ones.
import { createHash, createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { StrictS3 } from '../strict-s3/server.ts';

export interface RawRequest {
  readonly method: string;
  /** Already encoded, with the query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Headers that are sent and left out of the signature. */
  readonly unsigned?: readonly string[];
  /** Instead of the true SHA-256 of the body. */
  readonly payloadHash?: string;
  /** Time of signing; the machine's by default. */
  readonly atMs?: number;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly region?: string;
  readonly service?: string;
  /** Changes headers after they were signed. */
  readonly tamper?: (headers: Record<string, string>) => void;
  /** Makes the body from the signature, for signed chunks. */
  readonly bodyFrom?: (signing: { seed: string; key: Buffer; scope: string; timestamp: string }) => Buffer;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The error's code in the body, if it has one. */
  readonly code: string | undefined;
}

export function sha256Hex(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

export function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function signHeaders(
  headers: Record<string, string>,
  options: RawRequest & { timestamp: string; region: string; secretAccessKey: string; accessKeyId: string },
): { seed: string; key: Buffer; scope: string; timestamp: string } {
  const { timestamp } = options;
  const [path = '', query = ''] = options.target.split('?');
  const names = Object.keys(headers)
    .filter((name) => !options.unsigned?.includes(name))
    .sort();
  const canonical = [
    options.method,
    path,
    query
      .split('&')
      .map((pair) => (pair === '' || pair.includes('=') ? pair : `${pair}=`))
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n');
  const service = options.service ?? 's3';
  const date = timestamp.slice(0, 8);
  const scope = `${date}/${options.region}/${service}/aws4_request`;
  const key = [options.region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${options.secretAccessKey}`, date));
  const seed = hmac(key, ['AWS4-HMAC-SHA256', timestamp, scope, sha256Hex(canonical)].join('\n')).toString('hex');
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${options.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${seed}`;
  return { seed, key, scope, timestamp };
}

function send(
  server: StrictS3,
  options: RawRequest,
  headers: Record<string, string>,
  body: Buffer,
): Promise<RawAnswer> {
  const [path = '', query] = options.target.split('?');
  const target = query === undefined ? path : `${path}?${query}`;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port: server.port,
      method: options.method,
      path: target,
      headers,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text, code });
      });
    });
    outgoing.end(body);
  });
}

/** Signs and sends one request on a connection of its own. */
export async function signedRequest(server: StrictS3, options: RawRequest): Promise<RawAnswer> {
  const body = Buffer.from(options.body ?? '');
  const credentials = options.credentials ?? server.credentials;
  const timestamp = new Date(options.atMs ?? Date.now()).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const headers: Record<string, string> = {
    host: `127.0.0.1:${server.port}`,
    'content-length': String(body.length),
    'x-amz-date': timestamp,
    'x-amz-content-sha256': options.payloadHash ?? sha256Hex(body),
    ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
    ...options.headers,
  };
  const signing = signHeaders(headers, {
    ...options,
    ...credentials,
    timestamp,
    region: options.region ?? server.region,
  });
  options.tamper?.(headers);
  return send(server, options, headers, options.bodyFrom?.(signing) ?? body);
}
