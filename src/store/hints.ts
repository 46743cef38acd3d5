// Pure. What an operator can do about a failed request.
import type { Reaction } from './errors.ts';

const TIME = 'set the clock of this machine (NTP)';
const CREDENTIALS =
  'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile with --profile or AWS_PROFILE, or give the machine a role';
const ENDPOINT = 'check --endpoint-url or AWS_ENDPOINT_URL and that the server is running';
const TLS = 'check that --endpoint-url or AWS_ENDPOINT_URL speaks TLS, and name its authority with NODE_EXTRA_CA_CERTS';

const HINTS: Readonly<Record<string, string>> = {
  NoSuchBucket: 'create the bucket, or check its name and --endpoint-url',
  PermanentRedirect: "set --region or AWS_REGION to the bucket's region",
  AuthorizationHeaderMalformed: "set --region or AWS_REGION to the bucket's region",
  IllegalLocationConstraintException: "set --region or AWS_REGION to the bucket's region",
  InvalidAccessKeyId: 'the server does not know this access key: check AWS_ACCESS_KEY_ID and AWS_PROFILE',
  SignatureDoesNotMatch: 'check AWS_SECRET_ACCESS_KEY',
  ExpiredToken: 'the temporary credentials have expired: renew them',
  RequestTimeTooSkewed: TIME,
  AccessDenied: 'allow s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject on its keys',
  ECONNREFUSED: ENDPOINT,
  ConnectTimeout: ENDPOINT,
  ENOTFOUND: ENDPOINT,
  EAI_AGAIN: `${ENDPOINT}; name resolution fails`,
  EHOSTUNREACH: ENDPOINT,
  ENETUNREACH: ENDPOINT,
  ERR_PROXY_TUNNEL:
    'check HTTPS_PROXY, and that the proxy lets us through to the endpoint; NO_PROXY names hosts to reach without',
  ERR_INVALID_URL: 'AWS_ENDPOINT_URL, or the endpoint_url of the profile, must be a URL such as http://127.0.0.1:9000',
  EPROTO: TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: TLS,
  ERR_TLS_CERT_ALTNAME_INVALID: TLS,
  DEPTH_ZERO_SELF_SIGNED_CERT: TLS,
  SELF_SIGNED_CERT_IN_CHAIN: TLS,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: TLS,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: TLS,
  Unknown: 'check that --endpoint-url or AWS_ENDPOINT_URL is an S3 server, and in good health',
  EMFILE: 'raise the limit of open files (ulimit -n)',
};

/** One sentence for the operator, or undefined where waiting or looking again is all there is to do. */
export function hintFor(failure: {
  readonly reaction: Reaction;
  readonly code: string;
  readonly otherRegion: string | undefined;
}): string | undefined {
  if (failure.reaction === 'aborted') return undefined;
  if (failure.otherRegion !== undefined) return `set --region or AWS_REGION to ${failure.otherRegion}`;
  return HINTS[failure.code] ?? (failure.reaction === 'credentials' ? CREDENTIALS : undefined);
}
