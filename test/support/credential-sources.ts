// Where the SDK finds credentials outside of the environment, all of them under a test's control.
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import type { Credentials } from '../strict-s3/identities.ts';

/** A place that gives credentials; what it gives can be replaced while programs run. */
export interface CredentialSource {
  /** The variables by which a program finds it. */
  readonly env: Readonly<Record<string, string>>;
  /** What must not be seen besides the credentials. */
  readonly secrets: readonly string[];
  give(credentials: Credentials): void;
}

/** A source that is asked by HTTP. */
export interface HttpSource extends CredentialSource {
  /** Requests so far. */
  readonly asked: number;
  /** How requests are answered instead: an error's status, or 'hang'; undefined: well. */
  fault: number | 'hang' | undefined;
  /** How many more requests have the fault. */
  faultyRequests: number;
}

/** A shared credentials file; replaced by rename, as kubelets and vault agents do. */
export function credentialsFile(directory: string): CredentialSource {
  const file = join(directory, 'credentials');
  return {
    env: { AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: '/dev/null' },
    secrets: [],
    give: ({ accessKeyId, secretAccessKey, sessionToken }) =>
      replaceFile(
        file,
        `[default]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\naws_session_token=${sessionToken}\n`,
      ),
  };
}

/** A program named by credential_process. It answers without a date of expiry, as those that wrap a user's keys do. */
export function credentialProcess(directory: string): CredentialSource {
  const [config, program] = [join(directory, 'config'), join(directory, 'give-credentials')];
  replaceFile(config, `[default]\ncredential_process=${program}\n`);
  return {
    env: { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: '/dev/null' },
    secrets: [],
    give({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }) {
      const answer = JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken });
      replaceFile(program, `#!/bin/sh\ncat <<'.'\n${answer}\n.\n`);
    },
  };
}

/** A web identity token in a file, and an STS that trades the latest one for credentials; older ones have expired. */
export async function webIdentity(t: TestContext, directory: string): Promise<HttpSource> {
  const file = join(directory, 'token');
  const tokens: string[] = [];
  let given: Credentials | undefined;
  const source = await httpSource(t, async (request, answer) => {
    const form = new URLSearchParams(await text(request));
    const isCurrent = form.get('WebIdentityToken') === tokens.at(-1);
    answer.writeHead(isCurrent ? 200 : 400, { 'content-type': 'text/xml' });
    answer.end(isCurrent ? assumedRole(given!) : EXPIRED_IDENTITY);
  });
  return Object.assign(source, {
    env: {
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/agent',
      AWS_WEB_IDENTITY_TOKEN_FILE: file,
      AWS_ENDPOINT_URL_STS: source.url,
    },
    secrets: tokens,
    give(credentials: Credentials): void {
      given = credentials;
      tokens.push(`web-identity-token-${tokens.length + 1}`);
      replaceFile(file, tokens.at(-1)!);
    },
  });
}

/** The instance metadata service. */
export function instanceMetadata(t: TestContext): Promise<HttpSource> {
  const PATH = '/latest/meta-data/iam/security-credentials/';
  return jsonSource(t, (url) => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url, AWS_EC2_METADATA_DISABLED: 'false' }), {
    '/latest/api/token': 'metadata-token',
    [PATH]: 'role',
    [`${PATH}role`]: undefined,
  });
}

/** The credentials endpoint of a container. */
export function containerMetadata(t: TestContext): Promise<HttpSource> {
  const AWS_CONTAINER_AUTHORIZATION_TOKEN = 'container-authorization-token';
  return jsonSource(
    t,
    (url) => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/creds`, AWS_CONTAINER_AUTHORIZATION_TOKEN }),
    { '/creds': undefined },
  );
}

/** Answers fixed texts, and where there is none the credentials as both metadata services have them. */
async function jsonSource(
  t: TestContext,
  env: (url: string) => Record<string, string>,
  answers: Readonly<Record<string, string | undefined>>,
): Promise<HttpSource> {
  let given: Credentials | undefined;
  const source = await httpSource(t, (request, answer) => {
    const path = request.url ?? '';
    if (!(path in answers)) answer.writeHead(404);
    answer.end(answers[path] ?? JSON.stringify(metadataOf(given!)));
  });
  const variables = env(source.url);
  return Object.assign(source, {
    env: variables,
    secrets: [...Object.values(answers), ...Object.values(variables)]
      .filter((text) => text !== undefined)
      .filter((text) => text.endsWith('-token')),
    give(credentials: Credentials): void {
      given = credentials;
    },
  });
}

type Asked = Pick<HttpSource, 'asked' | 'fault' | 'faultyRequests'> & { readonly url: string };

async function httpSource(t: TestContext, respond: RequestListener): Promise<Asked> {
  const source = {
    url: '',
    asked: 0,
    fault: undefined as HttpSource['fault'],
    faultyRequests: Number.POSITIVE_INFINITY,
  };
  const held: (() => void)[] = [];
  const server = createServer((request: IncomingMessage, answer) => {
    source.asked++;
    if (source.fault === undefined || --source.faultyRequests < 0) respond(request, answer);
    else if (source.fault === 'hang') held.push(() => respond(request, answer));
    else answer.writeHead(source.fault).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    // Providers in this process would go on trying for seconds.
    for (const answer of held) answer();
    server.close();
  });
  source.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return source;
}

/** Far enough away to be kept until they are refused. */
const EXPIRES = '2999-01-01T00:00:00Z';

function metadataOf({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token }: Credentials) {
  return { Code: 'Success', Type: 'AWS-HMAC', AccessKeyId, SecretAccessKey, Token, Expiration: EXPIRES };
}

function assumedRole({ accessKeyId, secretAccessKey, sessionToken }: Credentials): string {
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${accessKeyId}</AccessKeyId>
<SecretAccessKey>${secretAccessKey}</SecretAccessKey><SessionToken>${sessionToken}</SessionToken>
<Expiration>${EXPIRES}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`;
}

const EXPIRED_IDENTITY = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>ExpiredTokenException</Code><Message>Token expired</Message></Error><RequestId>1</RequestId></ErrorResponse>`;

function replaceFile(file: string, content: string): void {
  writeFileSync(`${file}.new`, content);
  chmodSync(`${file}.new`, 0o700);
  renameSync(`${file}.new`, file);
}
