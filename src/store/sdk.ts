// The SDK's side of a store. To be had by import() only: it takes half of a start to load, and many runs do without it.
import type { S3Client } from '@aws-sdk/client-s3';
import type { Account, Signing } from './lean/account.ts';
import { resolveTarget } from './lean/target.ts';
import type { Written } from './object-store.ts';
import type { RareRequests } from './rare-requests.ts';
import { type ServerKind, speakRgw } from './rgw.ts';
import { type ConnectionOptions, createS3Client } from './s3-client.ts';
import type { S3Requests } from './s3-requests.ts';
import type { S3Session } from './s3-session.ts';
import { type SdkFacts, sdkFacts } from './sdk-facts.ts';
import { type LibraryObject, putByLibrary } from './sdk-multipart.ts';
import { sdkRareRequests } from './sdk-rare-requests.ts';
import { sdkRequests } from './sdk-requests.ts';

export interface SdkOptions extends ConnectionOptions {
  readonly bucket: string;
  readonly server: ServerKind;
  /** Whose clock is also the SDK's. Default: the SDK has its own. */
  readonly signing?: Signing | undefined;
}

export interface Sdk {
  readonly client: S3Client;
  readonly requests: S3Requests;
  readonly rare: RareRequests;
  readonly facts: SdkFacts;
  /** As which it sends; undefined if that is known to the SDK alone. */
  account(): Promise<Account | undefined>;
  /** The reference of `putInParts`. */
  putInParts(session: S3Session, key: string, object: LibraryObject): Promise<Written>;
}

/** A client and what is sent by it. */
export function openSdk(options: SdkOptions): Sdk {
  const { bucket, server, signing } = options;
  const { client, renewRefused } = createS3Client(options);
  speakRgw(client, server);
  if (signing !== undefined) shareClock(client.config, signing);
  return {
    client,
    requests: sdkRequests(client, bucket),
    rare: sdkRareRequests(client, bucket),
    facts: sdkFacts(client, bucket),
    account: async () => {
      const target = await resolveTarget(client, bucket);
      return target && { target, signing: client.config, renewRefused };
    },
    putInParts: (session, key, object) => putByLibrary({ ...session, client }, key, object),
  };
}

/** Each learns the server's time from the answers to both. */
function shareClock(own: Signing, common: Signing): void {
  Object.defineProperty(own, 'systemClockOffset', {
    get: () => common.systemClockOffset,
    set: (offsetMs: number) => {
      common.systemClockOffset = offsetMs;
    },
  });
}
