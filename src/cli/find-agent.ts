// Which of the agents that run on this machine is meant.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { resolvePlaces } from '../agent/places.ts';
import { showS3Url } from '../config/location.ts';
import type { Address } from '../config/target.ts';
import { readSides, type Sides } from '../ledger/sides.ts';
import { NO_STATE_DIR, stateHome } from '../ledger/state-dir.ts';
import { EXIT, OperatorError, UsageError } from '../model/errors.ts';
import type { AgentStatus } from '../ops/control.ts';
import { askAgent } from '../ops/control-client.ts';
import type { CommandContext } from './context.ts';

/** What the command line says of it. */
type Wanted = Address & { readonly stateDir: string | undefined };

/** A running agent. */
export interface FoundAgent {
  /** Its state directory. */
  readonly directory: string;
  readonly status: AgentStatus;
}

/** An agent that is alive answers this at once, unless it is stopped. */
const STATUS_MS = 15_000;

/** Finds it. @throws OperatorError if there is none, or more than one */
export async function findAgent(config: Wanted, context: CommandContext): Promise<FoundAgent> {
  const [agent, ...others] = await findAgents(config, context);
  if (others.length > 0) throw several(config, [agent, ...others]);
  return agent;
}

/** Finds all that may be meant. @throws OperatorError if there is none */
export async function findAgents(
  config: Wanted,
  context: CommandContext,
): Promise<readonly [FoundAgent, ...FoundAgent[]]> {
  const [agent, ...others] = await running(candidates(config, context));
  if (agent !== undefined) return [agent, ...others];
  throw nobody(config, config.stateDir === undefined ? await running(stateDirs(context)) : []);
}

async function running(directories: readonly string[]): Promise<FoundAgent[]> {
  const found: FoundAgent[] = [];
  for (const directory of directories) {
    const answer = await askAgent(directory, { method: 'GET', path: '/status', timeoutMs: STATUS_MS });
    if (answer?.code === 200) found.push({ directory, status: answer.body as AgentStatus });
  }
  return found;
}

function candidates(config: Wanted, context: CommandContext): string[] {
  const { stateDir } = config;
  if (stateDir === NO_STATE_DIR) {
    throw new UsageError('Cannot use --state-dir none: an agent that remembers nothing has no socket to be asked at');
  }
  const all = stateDir === undefined ? stateDirs(context) : [resolve(context.cwd, stateDir)];
  const local = config.local === undefined ? undefined : resolvePlaces({ local: config.local }, context.cwd).local;
  const url = config.remote === undefined ? undefined : showS3Url(config.remote);
  const isMeant = (sides: Sides) => (local ?? sides.local) === sides.local && (url ?? sides.url) === sides.url;
  return all.filter((directory) => {
    const sides = readSides(directory);
    return sides !== undefined && isMeant(sides);
  });
}

function stateDirs(context: CommandContext): string[] {
  const home = stateHome(context);
  try {
    return readdirSync(home).map((name) => join(home, name));
  } catch {
    return [];
  }
}

function nobody({ local, stateDir }: Wanted, others: readonly FoundAgent[]): OperatorError {
  const instead = others.length === 0 ? '' : `There are others: ${sidesOf(others)}. `;
  return new OperatorError(`Cannot reach an agent${local === undefined ? '' : ` of ${local}`}: none is running`, {
    exitCode: EXIT.fatal,
    hint:
      stateDir === undefined
        ? `${instead}Ask as the user it runs as; give --state-dir if it has one of its own. With --state-dir=none it cannot be asked.`
        : `Looked for it in ${stateDir}.`,
  });
}

function several({ local }: Wanted, found: readonly FoundAgent[]): OperatorError {
  const of = local === undefined ? '' : ` of ${local}`;
  return new OperatorError(`Cannot choose an agent${of}: ${found.length} are running`, {
    exitCode: EXIT.fatal,
    hint: `Name ${local === undefined ? 'LOCAL' : 'the S3 URL'}: ${sidesOf(found)}.`,
  });
}

function sidesOf(found: readonly FoundAgent[]): string {
  return found.map(({ status }) => `${status.local} ${status.remote}`).join('; ');
}
