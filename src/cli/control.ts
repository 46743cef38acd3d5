// The doors at which a running agent is asked: the socket in its state directory, and --http. systemd is told unasked.
import { readFileSync } from 'node:fs';
import { AgentControl } from '../agent/agent-control.ts';
import { clock } from '../agent/clock.ts';
import type { Watching } from '../agent/watching.ts';
import type { Workspace } from '../agent/workspace.ts';
import type { CommandConfig } from '../config/config.ts';
import { listenAddress } from '../config/kinds.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import {
  type ControlServer,
  type ControlServerOptions,
  listenInDirectory,
  listenOnTcp,
} from '../ops/control-server.ts';
import { openServiceManager } from '../ops/service-manager.ts';
import type { CommandContext } from './context.ts';

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
  const { log, version, now, env, troubles } = context;
  const since = new Date(now()).toISOString();
  const agent = new AgentControl(workspace, { pid: process.pid, version, since, troubles });
  const status = () => agent.status();
  const manager = openServiceManager({ env, pid: process.pid, log, status, timer: clock.timer });
  const servers: ControlServer[] = [];
  try {
    if (config.http !== 'off') servers.push(...(await serveTcp(config, { agent, log })));
    const directory = workspace.stateDir?.path ?? null;
    if (directory !== null) servers.push(...(await serveSocket(directory, { agent, log })));
    return await run((watching) => {
      agent.started(watching);
      manager?.tell();
      void watching.ending.then(() => manager?.tell());
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

/** Where nobody has said. With several agents on a machine one has it. */
const DEFAULT_ADDRESS = { host: '127.0.0.1', port: 9480 };

/** @throws OperatorError if the address that was asked for cannot be used */
async function serveTcp({ http, httpControl }: AgentConfig, serving: ControlServerOptions): Promise<ControlServer[]> {
  const address = http === undefined || http === 'off' ? DEFAULT_ADDRESS : http;
  const token = httpControl === undefined ? undefined : () => readToken(httpControl);
  token?.();
  const shown = (port: number) => listenAddress.show({ ...address, port });
  try {
    const server = await listenOnTcp({ ...serving, ...address, token });
    serving.log.info('answering over HTTP', { address: shown(server.port) });
    return [server];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (http === undefined && httpControl === undefined) {
      serving.log.info('not answering over HTTP', { address: shown(address.port), reason: code ?? message });
      return [];
    }
    throw new OperatorError(`Cannot listen on --http ${shown(address.port)}: ${code ?? message}`, {
      exitCode: EXIT.fatal,
      hint: code === 'EADDRINUSE' ? 'Something else listens there; choose another port.' : 'Check the address.',
      cause: error,
    });
  }
}

const SHORTEST_TOKEN = 16;

/** Read at every use: a mounted secret may be renewed. */
function readToken(file: string): string {
  const fail = (rule: string) =>
    new OperatorError(`Cannot use --http-control ${file}: ${rule}`, {
      exitCode: EXIT.fatal,
      hint: 'Name a readable file that holds nothing but the token.',
    });
  let token: string;
  try {
    token = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw fail((error as NodeJS.ErrnoException).code ?? 'it cannot be read');
  }
  if (token.length < SHORTEST_TOKEN || /\s/.test(token)) {
    throw fail(`it must hold one word of at least ${SHORTEST_TOKEN} characters`);
  }
  return token;
}
