// What can be asked of one agent over HTTP.
import type { ControlledAgent } from './control.ts';
import { COMMON_PARTS, partOfPage } from './page-routes.ts';
import { probes } from './probes.ts';
import { renderMetrics } from './render-metrics.ts';
import { bind, OPEN, Refusal, type Route, type Site, Text } from './site.ts';

const DEFAULT_FLUSH_SECONDS = 60;
const LONGEST_FLUSH_SECONDS = 86_400;

/** Waits as long as the query says. */
export const FLUSH = { method: 'POST', tcp: 'token', query: ['timeout'] } as const;

const ROUTES: Readonly<Record<string, Route<ControlledAgent>>> = {
  '/': partOfPage('index.html', 'text/html'),
  '/page.js': partOfPage('page.js', 'text/javascript'),
  '/plot.js': partOfPage('plot.js', 'text/javascript'),
  ...COMMON_PARTS,
  '/activity': {
    ...OPEN,
    answer: (agent) => [200, agent.activity()],
  },
  '/status': {
    ...OPEN,
    answer: (agent) => [200, agent.status()],
  },
  '/metrics': {
    ...OPEN,
    answer: async (agent) => {
      const agents = [{ labels: {}, of: agent.measurements() }];
      const { type, text } = await renderMetrics({ process: agent.process(), agents, directories: [] });
      return [200, new Text(type, text)];
    },
  },
  ...probes((agent: ControlledAgent) => agent.status().state),
  '/sync': {
    ...{ method: 'POST', tcp: 'token', query: [] },
    answer: (agent) => {
      agent.sync();
      return [202, { accepted: true }];
    },
  },
  '/flush': {
    ...FLUSH,
    answer: async (agent, query, gone) => {
      const report = await agent.flush(untilTimeUp(query, gone));
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

/** Everything that can be asked of one agent. */
export function agentSite(agent: ControlledAgent): Site {
  return bind(ROUTES, agent);
}

/** What anybody may GET over TCP. */
export const OPEN_PATHS: readonly string[] = Object.entries(ROUTES).flatMap(([path, { method, tcp }]) =>
  method === 'GET' && tcp === 'everybody' ? [path] : [],
);

/** The client has gone, or the time is up that it gave. @throws Refusal */
export function untilTimeUp(query: URLSearchParams, gone: AbortSignal): AbortSignal {
  const text = query.get('timeout') ?? String(DEFAULT_FLUSH_SECONDS);
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= LONGEST_FLUSH_SECONDS)) {
    throw new Refusal(400, `timeout must be seconds from 0 to ${LONGEST_FLUSH_SECONDS}`);
  }
  return AbortSignal.any([gone, AbortSignal.timeout(Math.round(seconds * 1000))]);
}
