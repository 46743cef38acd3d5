// The SDK's way to the network, made when the SDK first sends something: it loads all that TLS takes, and most runs send
// nothing by the SDK.
import type { NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { NodeHttpHandler } from './sdk-packages.ts';

type Handler = Pick<
  NodeHttpHandler,
  'metadata' | 'handle' | 'destroy' | 'updateHttpClientConfig' | 'httpHandlerConfigs'
>;

/** The SDK's default handler with these options. */
export function lazyHandler(options: NodeHttpHandlerOptions = {}): Handler {
  let wanted = options;
  let made: NodeHttpHandler | undefined;
  const handler = (): NodeHttpHandler => {
    made ??= new NodeHttpHandler(wanted);
    return made;
  };
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    handle: (...request) => handler().handle(...request),
    destroy: () => made?.destroy(),
    updateHttpClientConfig: (key, value) => {
      wanted = { ...wanted, [key]: value };
      made?.updateHttpClientConfig(key, value);
    },
    httpHandlerConfigs: () => made?.httpHandlerConfigs() ?? wanted,
  };
}
