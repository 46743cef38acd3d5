// Who may ask what over HTTP: the rules for every request, whatever is behind them.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Where a request came in. */
export type Door =
  /** The socket: the file system has asked who it is. */
  | 'socket'
  /** TCP: `token` reads what must be sent to steer, not only ask; undefined: nobody may. */
  | { readonly token: (() => string) | undefined };

/** What is sent as it is; everything else is sent as JSON. */
export class Text {
  /** Of the content. */
  readonly type: string;
  readonly text: string;
  /** Besides what every answer has. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(type: string, text: string, headers: Readonly<Record<string, string>> = {}) {
    this.type = type;
    this.text = text;
    this.headers = headers;
  }
}

/** A code of HTTP and what is sent. */
export type Answer = readonly [code: number, body: object | Text];

/** A request that is not answered; the message is for the client. */
export class Refusal extends Error {
  /** Of HTTP. */
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/** One address. `Subject` is who answers. */
export interface Route<Subject> {
  readonly method: 'GET' | 'POST';
  /** Who may over TCP; over the socket everybody may. */
  readonly tcp: 'everybody' | 'token' | 'nobody';
  /** The parameters it knows. */
  readonly query: readonly string[];
  readonly answer: (subject: Subject, query: URLSearchParams, gone: AbortSignal) => Promise<Answer> | Answer;
}

/** All that can be asked at one door. */
export interface Site {
  /** The addresses, for who asks for another one. */
  readonly paths: readonly string[];
  /** undefined: there is none. @throws Refusal */
  find(path: string): BoundRoute | undefined;
}

/** One that knows who answers. */
export type BoundRoute = Omit<Route<never>, 'answer'> & {
  readonly answer: (query: URLSearchParams, gone: AbortSignal) => Promise<Answer> | Answer;
};

/** One subject's routes. */
export function bind<Subject>(routes: Readonly<Record<string, Route<Subject>>>, subject: Subject): Site {
  return {
    paths: Object.keys(routes),
    find: (path) => {
      if (!Object.hasOwn(routes, path)) return undefined;
      const { answer, ...rules } = routes[path]!;
      return { ...rules, answer: (query, gone) => answer(subject, query, gone) };
    },
  };
}

/** What everybody may read. */
export const OPEN = { method: 'GET', tcp: 'everybody', query: [] } as const;

export interface Exchange {
  readonly request: IncomingMessage;
  readonly door: Door;
  readonly site: Site;
  /** The client has gone without waiting for its answer. */
  readonly gone: AbortSignal;
}

/** Answers one request. @throws Refusal, and what the subject throws */
export async function answer({ request, door, site, gone }: Exchange): Promise<Answer> {
  const { url = '' } = request;
  // What follows '//' would be taken for a host.
  const target = url.startsWith('//') ? null : URL.parse(url, 'http://localhost');
  const path = target?.pathname ?? '';
  if (door !== 'socket') refuseForeignName(request);
  const route = site.find(path);
  if (target === null || route === undefined) {
    // Without the files of the page.
    throw new Refusal(404, `there is only ${site.paths.filter((known) => !known.includes('.')).join(', ')}`);
  }
  if (door !== 'socket') refuseStranger(request, route, door.token);
  if (request.method !== route.method) {
    throw new Refusal(405, `${path} takes ${route.method} only`, { allow: route.method });
  }
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (length !== '0' || encoding !== undefined) throw new Refusal(413, `${path} takes no body`);
  const isUnknown = (name: string) => !route.query.includes(name);
  if ([...target.searchParams.keys()].some(isUnknown)) throw new Refusal(400, `${path} has no such parameter`);
  return route.answer(target.searchParams, gone);
}

/** A web page may send its reader's browser to the loopback under a name of its own. */
function refuseForeignName({ headers, socket }: IncomingMessage): void {
  if (!/^(127\.|::1$|::ffff:127\.)/.test(socket.localAddress ?? '')) return;
  if (/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(headers.host ?? '')) return;
  throw new Refusal(403, 'this name is not served on the loopback');
}

function refuseStranger(
  request: IncomingMessage,
  { tcp }: Pick<BoundRoute, 'tcp'>,
  token: (() => string) | undefined,
): void {
  if (tcp === 'everybody') return;
  if (tcp === 'nobody' || token === undefined) {
    throw new Refusal(403, 'not over TCP: use the command of awssyncer, or --http-control for a flush');
  }
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  // Digests have one length, and equal beginnings tell nothing.
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(digest(given), digest(token()))) {
    throw new Refusal(401, 'this needs the token of --http-control', { 'www-authenticate': 'Bearer' });
  }
}
