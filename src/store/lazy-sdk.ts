// The SDK's side of a store, loaded when it is first wanted.
import type { RareRequests } from './rare-requests.ts';
import type { Sdk, SdkOptions } from './sdk.ts';

export interface LazySdk {
  get(): Promise<Sdk>;
  readonly rare: RareRequests;
  close(): void;
}

/** Half of what a start takes would go into it, and many runs do without. */
export function lazySdk(options: SdkOptions): LazySdk {
  let opened: Promise<Sdk> | undefined;
  const get = (): Promise<Sdk> => {
    opened ??= import('./sdk.ts').then(({ openSdk }) => openSdk(options));
    return opened;
  };
  return {
    get,
    rare: {
      createUpload: async (key, attributes, o) => (await get()).rare.createUpload(key, attributes, o),
      copyPart: async (part, o) => (await get()).rare.copyPart(part, o),
      completeUpload: async (upload, parts, o) => (await get()).rare.completeUpload(upload, parts, o),
      abortUpload: async (upload, o) => (await get()).rare.abortUpload(upload, o),
    },
    close: () => void opened?.then(({ client }) => client.destroy()),
  };
}
