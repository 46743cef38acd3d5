// The SDK's chain of credential providers, asked anew when the server refuses what it gave.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { reactionOf } from './classify.ts';
import type { ConnectionOptions } from './s3-client.ts';
import { defaultProvider, fromIni } from './sdk-packages.ts';

/** The SDK's own second is too short for a metadata service that many pods of a node ask through one proxy. */
const PROVIDER_TIMEOUT_MS = 2_000;
const CHAIN_TIMEOUT_MS = 10_000;

/** The SDK's warnings, such as that of two sources of credentials, as single lines. */
export interface SdkLogger {
  debug(): void;
  info(): void;
  warn(...parts: readonly unknown[]): void;
  error(): void;
}

/** Only what is text: an error that comes with it may quote what a provider answered. */
export function sdkLogger(onWarning: (message: string) => void): SdkLogger {
  const none = (): void => {};
  const warn = (...parts: readonly unknown[]): void => {
    const text = parts.filter((part) => typeof part === 'string').join(' ');
    onWarning(text.replace(/\s+/g, ' ').replace(/[:\s]+$/, ''));
  };
  return { debug: none, info: none, warn, error: none };
}

type Chain = ReturnType<typeof defaultProvider>;

/**
 * Environment, profile, web identity, container, instance; a profile that was asked for is the only source. Files are
 * read again whenever the chain is asked. A chain that gives no answer (a container's endpoint, a credential_process)
 * would keep everybody waiting behind its lock for ever: after `timeoutMs` it is replaced by a new one.
 */
export function credentialChain(
  logger: SdkLogger,
  { timeoutMs = CHAIN_TIMEOUT_MS, profile }: { readonly timeoutMs?: number; readonly profile?: string } = {},
): Chain {
  const newChain = (): Chain =>
    profile === undefined
      ? defaultProvider({ ignoreCache: true, timeout: PROVIDER_TIMEOUT_MS, logger })
      : fromIni({ ignoreCache: true, profile });
  let chain = newChain();
  return async (options) => {
    const asked = chain;
    const timeUp = new AbortController();
    const silence = sleep(timeoutMs, undefined, { signal: timeUp.signal, ref: false }).then(() => {
      if (chain === asked) chain = newChain();
      const error = new Error(`the source of credentials has not answered for ${timeoutMs / 1000} s`);
      throw Object.assign(error, { name: 'CredentialsProviderError' });
    });
    try {
      return await Promise.race([asked(options), silence]);
    } finally {
      timeUp.abort();
    }
  };
}

/** Files with a token that credentials are had for. */
const TOKEN_FILES = ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];

/** Tells of the secrets before whoever is asked for credentials, or uses them, can quote them. */
export function toldOf(
  chain: Chain,
  { env = {}, onSecret = () => {} }: Pick<ConnectionOptions, 'env' | 'onSecret'>,
): Chain {
  return async (options) => {
    for (const name of TOKEN_FILES) if (env[name]) onSecret(readIfThere(env[name]).trim());
    const credentials = await chain(options);
    const { secretAccessKey, sessionToken = '' } = credentials;
    for (const secret of [secretAccessKey, sessionToken]) onSecret(secret);
    return credentials;
  };
}

/** What cannot be read is the chain's to tell of. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Runs an attempt, and has its credentials asked for again if the server refuses them. */
export type RenewRefused = <T>(attempt: () => Promise<T>) => Promise<T>;

/**
 * The SDK keeps credentials until they expire, and those without a date for ever. When the server refuses some, they
 * may have been rotated: they are asked for again, once for all requests that were under way with them. The refused
 * request is the caller's to repeat. Holds for the client's requests; others with its credentials go through the result.
 */
export function renewRefusedCredentials(client: S3Client): RenewRefused {
  let renewals = 0;
  const renew = async (): Promise<void> => {
    await client.config.credentials({ forceRefresh: true }).catch(() => undefined); // the next request will tell
    renewals++;
  };
  const renewRefused: RenewRefused = async (attempt) => {
    const seen = renewals;
    try {
      return await attempt();
    } catch (error) {
      if (seen === renewals && isRefusal(error) && reactionOf(error) === 'credentials') void renew();
      throw error;
    }
  };
  client.middlewareStack.add((next) => (args) => renewRefused(() => next(args)), {
    step: 'initialize',
    name: 'renewRefusedCredentials',
  });
  return renewRefused;
}

/** The server's, not a provider's that had none to give. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && '$response' in error;
}
