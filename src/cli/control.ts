// The doors at which a running agent is asked: the socket in its state directory, and --http. systemd is told unasked.
import { AgentControl } from '../agent/agent-control.ts';
import { clock } from '../agent/clock.ts';
import type { Watching } from '../agent/watching.ts';
import type { Workspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import { agentSite } from '../ops/control-routes.ts';
import { type ControlServer, type ControlServerOptions, listenInDirectory } from '../ops/control-server.ts';
import { openServiceManager } from '../ops/service-manager.ts';
import type { CommandContext } from './context.ts';
import { serveTcp } from './tcp.ts';

type AgentConfig = CommandConfig<'watch'> | CommandConfig<'run'>;

export interface AgentSurroundings<Config extends AgentConfig = AgentConfig> {
  readonly workspace: Workspace;
  readonly config: Config;
  readonly context: CommandContext;
}

/**
 * Runs an agent that can be asked from its start to its end, and says so when it watches.
 *
 * @throws OperatorError if --http cannot be served. An agent whose state directory can hold no socket only warns.
 */
export async function controlled(
  { workspace, config, context }: AgentSurroundings,
  run: (onStarted: (watching: Watching) => void) => Promise<number>,
): Promise<number> {
  const { log, redact, version, commit, now, env, troubles, host } = context;
  const since = new Date(now()).toISOString();
  const agent = new AgentControl(workspace, { pid: process.pid, version, commit, since, troubles });
  const manager =
    host === undefined
      ? openServiceManager({ env, pid: process.pid, log, status: () => agent.status(), timer: clock.timer })
      : undefined;
  const tell = (): void => {
    manager?.tell();
    host?.changed();
  };
  const serving = { site: agentSite(agent), log, redact };
  const servers: ControlServer[] = [];
  try {
    servers.push(...(await serveTcp(config, serving, context.conceal)));
    const directory = workspace.stateDir?.path ?? null;
    if (directory !== null) servers.push(...(await serveSocket(directory, serving)));
    host?.opened(agent);
    return await run((watching) => {
      agent.started(watching);
      tell();
      void watching.ending.then(tell);
    });
  } finally {
    manager?.close();
    await Promise.all(servers.map((server) => server.close()));
  }
}

async function serveSocket(directory: string, serving: ControlServerOptions): Promise<ControlServer[]> {
  try {
    return [await listenInDirectory(directory, serving)];
  } catch (error) {
    const reason = (error as Error).message;
    serving.log.warn('no socket in the state directory: status, flush and approve-deletes cannot reach it', { reason });
    return [];
  }
}
