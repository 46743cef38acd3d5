// What can be asked over HTTP of an agent that keeps several directories: of all of them, and of each what can be asked of
// one, beneath /directories/NAME/.
import { type ControlledAgent, type FlushReport, UnavailableError } from './control.ts';
import { agentSite, FLUSH, untilTimeUp } from './control-routes.ts';
import { type ControlledFleet, type FleetDirectory, type FleetFlushReport, fleetStatus } from './fleet-control.ts';
import { DIRECTORY_LABEL } from './metrics.ts';
import { COMMON_PARTS, partOfPage } from './page-routes.ts';
import { probes } from './probes.ts';
import { renderMetrics } from './render-metrics.ts';
import { bind, OPEN, type Route, type Site, Text } from './site.ts';

const ROUTES: Readonly<Record<string, Route<ControlledFleet>>> = {
  '/': partOfPage('fleet.html', 'text/html'),
  '/fleet.js': partOfPage('fleet.js', 'text/javascript'),
  ...COMMON_PARTS,
  '/status': {
    ...OPEN,
    answer: (fleet) => [200, fleetStatus(fleet)],
  },
  '/metrics': {
    ...OPEN,
    answer: async (fleet) => {
      const directories = fleet.directories();
      const agents = directories.flatMap(({ name, agent }) =>
        agent === undefined ? [] : [{ labels: { [DIRECTORY_LABEL]: name }, of: agent.measurements() }],
      );
      const { type, text } = await renderMetrics({ process: fleet.process(), agents, directories });
      return [200, new Text(type, text)];
    },
  },
  ...probes((fleet: ControlledFleet) => fleetStatus(fleet).state),
  '/sync': {
    ...{ method: 'POST', tcp: 'token', query: [] },
    answer: (fleet) => {
      for (const { agent } of fleet.directories()) agent?.sync();
      return [202, { accepted: true }];
    },
  },
  '/flush': {
    ...FLUSH,
    answer: async (fleet, query, gone) => {
      const report = await flush(fleet, untilTimeUp(query, gone));
      return [report.complete ? 200 : 503, report];
    },
  },
};

/** Everything that can be asked. */
export function fleetSite(fleet: ControlledFleet): Site {
  const own = bind(ROUTES, fleet);
  return {
    paths: [...own.paths, '/directories/NAME/...'],
    find(path) {
      const [, name, rest] = /^\/directories\/([^/]+)(\/.*)$/.exec(path) ?? [];
      if (name === undefined) return own.find(path);
      const directory = fleet.directories().find((one) => one.name === name);
      return directory && agentSite(agentOf(directory)).find(rest!);
    },
  };
}

/** @throws UnavailableError if there is none at the moment */
function agentOf({ agent, failure }: FleetDirectory): ControlledAgent {
  if (agent !== undefined) return agent;
  throw new UnavailableError(failure === null ? 'it is being opened' : `it has failed: ${failure.reason}`);
}

/** Of all at once; one that cannot is no reason for the others not to. */
async function flush(fleet: ControlledFleet, signal: AbortSignal): Promise<FleetFlushReport> {
  const reports = await Promise.all(
    fleet.directories().map(async (directory): Promise<[string, FlushReport | { readonly error: string }]> => {
      try {
        return [directory.name, await agentOf(directory).flush(signal)];
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        return [directory.name, { error: error.message }];
      }
    }),
  );
  const complete = reports.every(([, report]) => 'complete' in report && report.complete);
  return { complete, directories: Object.fromEntries(reports) };
}
