// The SDK's client, set up to send every request once and with a checksum that all servers verify.
import { createHash } from 'node:crypto';
import { proxiesOf } from './http/proxies.ts';
import { lazyHandler } from './lazy-handler.ts';
import { type Address, originOf } from './lean/target.ts';
import { type ObjectSettings, type Operation, refuseClear, SettingHeaders } from './object-settings.ts';
import { profileEndpoint } from './profile-endpoint.ts';
import { credentialChain, type RenewRefused, renewRefusedCredentials, sdkLogger, toldOf } from './s3-credentials.ts';
import { loadSharedConfigFiles, S3Client } from './sdk-packages.ts';
import { demandWholeAnswers } from './whole-answers.ts';

/** Fixed credentials. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** How to reach the server. */
export interface ConnectionOptions {
  /** Default: the SDK's own chain (environment, profile, web identity, container, instance), asked again as they expire or are refused. */
  readonly credentials?: S3Credentials;
  /** Whose credentials, region and endpoint the SDK takes. Default: AWS_PROFILE. */
  readonly profile?: string;
  /** Default: the SDK's (AWS_REGION, profile), else us-east-1 like the aws command. */
  readonly region?: string;
  /** Default: the SDK's (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, profile), else AWS. */
  readonly endpointUrl?: string;
  /** Default: true for every endpoint but AWS's own, because BUCKET.host rarely resolves elsewhere. */
  readonly forcePathStyle?: boolean;
  /** A request that makes no progress for so long fails. */
  readonly requestTimeoutMs: number;
  /** The user agent says awssyncer/<version>. */
  readonly version: string;
  /** Names proxies: HTTPS_PROXY, HTTP_PROXY, NO_PROXY. Default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called for every request that is sent. */
  readonly onRequest?: (() => void) | undefined;
  /** What objects and requests carry besides. */
  readonly settings?: ObjectSettings | undefined;
  /** Told of every secret that credentials hold, or are had for. */
  readonly onSecret?: (secret: string) => void;
  /** Told what the SDK would print. */
  readonly onWarning?: (message: string) => void;
  /**
   * Called at the last moment before a request goes out that is no read, an Abort aside; may throw to hold it back.
   * The key is undefined if the request has none, or several.
   */
  readonly beforeWrite?: ((key: string | undefined) => void) | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;

/** Content-MD5 is the checksum that every server verifies; RGW ignores the newer ones. */
const COMMANDS_WITH_MD5: ReadonlySet<string> = new Set([
  'PutObjectCommand',
  'UploadPartCommand',
  'DeleteObjectsCommand',
]);

/** A client that retries nothing, waits for no `100 Continue`, and adds checksums only where S3 requires them. */
export function createS3Client(options: ConnectionOptions): {
  readonly client: S3Client;
  readonly renewRefused: RenewRefused;
} {
  const logger = sdkLogger(options.onWarning ?? (() => {}));
  const { httpProxy, httpsProxy, noProxy } = proxiesOf(options.env ?? {});
  const proxyEnv = { http_proxy: httpProxy, https_proxy: httpsProxy, no_proxy: noProxy };
  const { profile: name } = options;
  const profile = name === undefined ? {} : { profile: name };
  // The SDK reads them once in a process, which may have lived for long when this client is made: they say something else.
  const readFilesAgain = once(() => loadSharedConfigFiles({ ignoreCache: true }));
  const client = new S3Client({
    logger,
    ...profile,
    credentials: options.credentials ?? toldOf(credentialChain(logger, profile), options),
    region:
      options.region ??
      once(() =>
        readFilesAgain()
          .then(() => configuredRegion(profile))
          .catch(() => 'us-east-1'),
      ),
    ...(options.endpointUrl === undefined ? {} : { endpoint: options.endpointUrl }),
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    expectContinueHeader: false,
    customUserAgent: [['awssyncer', options.version]],
    requestHandler: lazyHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      // The SDK's socketTimeout is inactivity in either direction; its requestTimeout is the whole request.
      socketTimeout: options.requestTimeoutMs,
      // Callers limit what is in flight; waiting for a socket would count against the connection timeout.
      httpAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, proxyEnv },
      httpsAgent: { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, proxyEnv },
    }),
  });
  if (name !== undefined)
    client.config.serviceConfiguredEndpoint = once(() => profileEndpoint(name)) as () => Promise<string>;
  const renewRefused = renewRefusedCredentials(client);
  addPathStyle(client, { forced: options.forcePathStyle, readFilesAgain });
  addContentMd5(client);
  addSettings(client, options.settings ?? {});
  demandWholeAnswers(client);
  if (options.onRequest !== undefined) countRequests(client, options.onRequest);
  if (options.beforeWrite !== undefined) guardWrites(client, options.beforeWrite);
  return { client, renewRefused };
}

function countRequests(client: S3Client, onRequest: () => void): void {
  client.middlewareStack.add(
    (next) => (args) => {
      onRequest();
      return next(args);
    },
    { step: 'finalizeRequest', name: 'countRequests' },
  );
}

function guardWrites(client: S3Client, beforeWrite: (key: string | undefined) => void): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const { method } = args.request as { method: string };
      const isRead = method === 'GET' || method === 'HEAD' || context['commandName'] === 'AbortMultipartUploadCommand';
      const { Key, Delete } = args.input as { Key?: string; Delete?: { Objects: readonly { Key: string }[] } };
      if (!isRead) beforeWrite(Key ?? (Delete?.Objects.length === 1 ? Delete.Objects[0]!.Key : undefined));
      return next(args);
    },
    // Lowest in its step: credentials, which may take seconds, and the signature are behind it.
    { step: 'deserialize', priority: 'low', name: 'guardWrites' },
  );
}

/** The SDK asks its providers at every request; what reads files and the environment is asked once. */
function once<T>(provide: () => Promise<T>): () => Promise<T> {
  let provided: Promise<T> | undefined;
  return () => {
    provided ??= provide();
    return provided;
  };
}

function configuredRegion(profile: { readonly profile?: string }): Promise<string> {
  return new S3Client({ ...profile, requestHandler: lazyHandler() }).config.region();
}

/** The SDK learns of an endpoint in the environment or a profile only when it sends, so this is decided there. */
function addPathStyle(
  client: S3Client,
  { forced, readFilesAgain }: { readonly forced: boolean | undefined; readonly readFilesAgain: () => Promise<unknown> },
): void {
  const { config } = client;
  const decide = once(async () => {
    await readFilesAgain();
    const isOwn = config.isCustomEndpoint === true || (await config.serviceConfiguredEndpoint?.()) !== undefined;
    config.forcePathStyle = forced ?? isOwn;
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      await decide();
      return next(args);
    },
    { step: 'initialize', name: 'pathStyle' },
  );
}

/** As headers, by which the lean requests have them too. */
function addSettings(client: S3Client, settings: ObjectSettings): void {
  const headers = new SettingHeaders(settings);
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as Address & { headers: Record<string, string> };
      refuseClear(originOf(request), settings);
      const operation = String(context['commandName']).replace(/Command$/, '') as Operation;
      const { Key } = args.input as { Key?: string };
      Object.assign(request.headers, Object.fromEntries(headers.of(operation, Key)));
      return next(args);
    },
    { step: 'build', name: 'settings' },
  );
}

function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const request = args.request as { body?: unknown; headers: Record<string, string> };
      const { body } = request;
      if (
        COMMANDS_WITH_MD5.has(String(context['commandName'])) &&
        (typeof body === 'string' || body instanceof Uint8Array)
      ) {
        request.headers['content-md5'] = createHash('md5').update(body).digest('base64');
      }
      return next(args);
    },
    { step: 'build', name: 'contentMd5' },
  );
}
