// As whom, and where, lean requests are sent. The SDK knows it always; plain-account.ts where there is nothing to find out.
import type { RenewRefused } from '../s3-credentials.ts';
import type { SigningCredentials } from './sigv4.ts';
import type { Target } from './target.ts';

/** What a signature takes, by the names of the SDK's config. */
export interface Signing {
  credentials(): Promise<SigningCredentials>;
  /** How far the server's clock is ahead, in milliseconds. */
  systemClockOffset: number;
}

export interface Account {
  readonly target: Target;
  readonly signing: Signing;
  readonly renewRefused: RenewRefused;
}
