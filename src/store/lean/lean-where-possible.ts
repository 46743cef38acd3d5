// Which way the requests of a store go.
import { chosenRequests } from '../chosen-requests.ts';
import { openWire, type WireOptions } from '../http/wire.ts';
import { type ObjectSettings, refuseClear, SettingHeaders } from '../object-settings.ts';
import type { S3Requests } from '../s3-requests.ts';
import type { Account } from './account.ts';
import { LeanClient, type LeanClientOptions } from './lean-client.ts';
import { leanRequests } from './lean-requests.ts';

interface Ways {
  /** See Sdk. */
  account(): Promise<Account | undefined>;
  sdkRequests(): Promise<S3Requests>;
}

/** Lean, unless requests to this bucket are signed in a way that only the SDK knows. */
export function leanWherePossible(
  options: Omit<LeanClientOptions, keyof Account | 'wire'> &
    WireOptions & { readonly settings?: ObjectSettings | undefined },
  ways: Ways,
): S3Requests {
  return chosenRequests(async () => {
    const account = await ways.account();
    if (account === undefined) return ways.sdkRequests();
    refuseClear(account.target.origin, options.settings ?? {});
    const wire = await openWire(account.target.origin, options);
    const client = new LeanClient({ ...options, ...account, wire });
    return leanRequests(client, new SettingHeaders(options.settings ?? {}));
  });
}
