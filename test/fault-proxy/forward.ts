// The proxy's other side: the same request sent to the server.
import { type Agent, type IncomingMessage, request as sendRequest } from 'node:http';
import type { Answer } from '../strict-s3/answer.ts';

/** They belong to one connection, not to the message. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'expect', 'transfer-encoding']);

/** Sends the message with its body, which has been read, and resolves to the whole answer. */
export async function forward(
  message: IncomingMessage,
  body: Buffer,
  { upstream, agent }: { readonly upstream: URL; readonly agent: Agent },
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = sendRequest({
    host: upstream.hostname,
    port: upstream.port,
    agent,
    method: message.method ?? 'GET',
    path: message.url ?? '/',
    headers: endToEnd(message.rawHeaders).flat(),
    setHost: false,
  });
  outgoing.once('response', resolve);
  outgoing.once('error', reject);
  outgoing.end(body);
  const answer = await promise;
  const headers = Object.fromEntries(endToEnd(answer.rawHeaders));
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  // It is known anew, and may be changed by a fault; a HEAD's tells of what is not sent.
  if (message.method !== 'HEAD') delete headers['content-length'];
  return { status: answer.statusCode ?? 502, headers, body: Buffer.concat(chunks) };
}

/** The headers that are passed on, names in lower case. */
function endToEnd(raw: readonly string[]): [name: string, value: string][] {
  return raw.flatMap((text, at): [string, string][] => {
    const name = text.toLowerCase();
    return at % 2 === 0 && !HOP_BY_HOP.has(name) ? [[name, raw[at + 1]!]] : [];
  });
}
