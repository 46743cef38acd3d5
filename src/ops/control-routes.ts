// What can be asked of an agent over HTTP, and by whom.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AgentStatus, ControlledAgent } from './control.ts';
import { pageFile } from './page-file.ts';
import { renderMetrics } from './render-metrics.ts';

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

/** What the page may do: read its own files, ask its own agent, and nothing else; nobody may show it within theirs. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

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

interface Route {
  readonly method: 'GET' | 'POST';
  /** Who may over TCP; over the socket everybody may. */
  readonly tcp: 'everybody' | 'token' | 'nobody';
  /** The parameters it knows. */
  readonly query: readonly string[];
  readonly answer: (agent: ControlledAgent, query: URLSearchParams, gone: AbortSignal) => Promise<Answer> | Answer;
}

const DEFAULT_FLUSH_SECONDS = 60;
const LONGEST_FLUSH_SECONDS = 86_400;

const ROUTES: Readonly<Record<string, Route>> = {
  '/': partOfPage('index.html', 'text/html'),
  '/page.css': partOfPage('page.css', 'text/css'),
  '/page.js': partOfPage('page.js', 'text/javascript'),
  '/plot.js': partOfPage('plot.js', 'text/javascript'),
  '/reading.js': partOfPage('reading.js', 'text/javascript'),
  '/rows.js': partOfPage('rows.js', 'text/javascript'),
  '/words.js': partOfPage('words.js', 'text/javascript'),
  '/icon.svg': partOfPage('icon.svg', 'image/svg+xml'),
  '/activity': {
    ...{ method: 'GET', tcp: 'everybody', query: [] },
    answer: (agent) => [200, agent.activity()],
  },
  '/status': {
    ...{ method: 'GET', tcp: 'everybody', query: [] },
    answer: (agent) => [200, agent.status()],
  },
  '/metrics': {
    ...{ method: 'GET', tcp: 'everybody', query: [] },
    answer: async (agent) => {
      const { type, text } = await renderMetrics(agent.measurements());
      return [200, new Text(type, text)];
    },
  },
  // An event loop that is stuck answers nothing at all. A restore that takes long is no reason to start anew.
  '/livez': {
    ...{ method: 'GET', tcp: 'everybody', query: [] },
    answer: (agent) => [200, { state: agent.status().state }],
  },
  '/startupz': {
    ...{ method: 'GET', tcp: 'everybody', query: [] },
    answer: (agent) => probe(agent, ({ state }) => state !== 'starting'),
  },
  '/readyz': {
    ...{ method: 'GET', tcp: 'everybody', query: [] },
    answer: (agent) => probe(agent, ({ state }) => state === 'watching'),
  },
  '/sync': {
    ...{ method: 'POST', tcp: 'token', query: [] },
    answer: (agent) => {
      agent.sync();
      return [202, { accepted: true }];
    },
  },
  '/flush': {
    ...{ method: 'POST', tcp: 'token', query: ['timeout'] },
    answer: async (agent, query, gone) => {
      const report = await agent.flush(AbortSignal.any([gone, AbortSignal.timeout(timeoutMs(query))]));
      return [report.complete ? 200 : 503, report];
    },
  },
  '/approve-deletes': {
    ...{ method: 'POST', tcp: 'nobody', query: [] },
    answer: (agent) => {
      const approval = agent.approveDeletes();
      return 'refused' in approval ? [409, { error: approval.refused }] : [200, approval];
    },
  },
};

/** What anybody may GET over TCP. */
export const OPEN_PATHS: readonly string[] = Object.entries(ROUTES).flatMap(([path, { method, tcp }]) =>
  method === 'GET' && tcp === 'everybody' ? [path] : [],
);

/** A file of the status page. */
function partOfPage(name: string, type: string): Route {
  const headers = { 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer' };
  return {
    ...{ method: 'GET', tcp: 'everybody', query: [] },
    answer: () => [200, new Text(`${type}; charset=utf-8`, pageFile(name), headers)],
  };
}

function probe(agent: ControlledAgent, isGood: (status: AgentStatus) => boolean): Answer {
  const status = agent.status();
  return [isGood(status) ? 200 : 503, { state: status.state }];
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly door: Door;
  readonly agent: ControlledAgent;
  /** The client has gone without waiting for its answer. */
  readonly gone: AbortSignal;
}

/** Answers one request. @throws Refusal, and what the agent throws */
export async function answer({ request, door, agent, gone }: Exchange): Promise<Answer> {
  const { url = '' } = request;
  // What follows '//' would be taken for a host.
  const target = url.startsWith('//') ? null : URL.parse(url, 'http://localhost');
  const path = target?.pathname ?? '';
  if (door !== 'socket') refuseForeignName(request);
  if (target === null || !Object.hasOwn(ROUTES, path)) {
    throw new Refusal(404, `there is only ${Object.keys(ROUTES).join(', ')}`);
  }
  const route = ROUTES[path]!;
  if (door !== 'socket') refuseStranger(request, route, door.token);
  if (request.method !== route.method) {
    throw new Refusal(405, `${path} takes ${route.method} only`, { allow: route.method });
  }
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
  if (length !== '0' || encoding !== undefined) throw new Refusal(413, `${path} takes no body`);
  const isUnknown = (name: string) => !route.query.includes(name);
  if ([...target.searchParams.keys()].some(isUnknown)) throw new Refusal(400, `${path} has no such parameter`);
  return route.answer(agent, target.searchParams, gone);
}

/** A web page may send its reader's browser to the loopback under a name of its own. */
function refuseForeignName({ headers, socket }: IncomingMessage): void {
  if (!/^(127\.|::1$|::ffff:127\.)/.test(socket.localAddress ?? '')) return;
  if (/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(headers.host ?? '')) return;
  throw new Refusal(403, 'this name is not served on the loopback');
}

function refuseStranger(request: IncomingMessage, { tcp }: Route, token: (() => string) | undefined): void {
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

function timeoutMs(query: URLSearchParams): number {
  const text = query.get('timeout') ?? String(DEFAULT_FLUSH_SECONDS);
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= LONGEST_FLUSH_SECONDS)) {
    throw new Refusal(400, `timeout must be seconds from 0 to ${LONGEST_FLUSH_SECONDS}`);
  }
  return Math.round(seconds * 1000);
}
