// A web proxy as companies have them, which takes every name for one server.
import { createServer, request as forward } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface WebProxy {
  readonly url: string;
  /** `CONNECT host:port` or `METHOD url`, in the order of arrival. */
  readonly asked: string[];
  /** What it answers instead of connecting. */
  refusal: number | undefined;
}

/** Starts one in front of the server at this port of loopback; it ends with the test. */
export async function startWebProxy(t: TestContext, port: number): Promise<WebProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((message, response) => {
    proxy.asked.push(`${message.method} ${message.url}`);
    const { method, headers } = message;
    const path = message.url?.replace(/^http:\/\/[^/]*/, '') ?? '/';
    const onward = forward({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    message.pipe(onward);
  });
  server.on('connect', (message, client, head) => {
    proxy.asked.push(`CONNECT ${message.url}`);
    client.on('error', () => {});
    if (proxy.refusal !== undefined) {
      client.end(`HTTP/1.1 ${proxy.refusal} Refused\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const onward = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(client).pipe(onward);
    });
    sockets.add(onward);
    onward.on('error', () => client.destroy());
    client.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  const proxy: WebProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    refusal: undefined,
  };
  return proxy;
}
