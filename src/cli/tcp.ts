// --http and --http-control: the door at which an agent is asked over TCP.
import { readFileSync } from 'node:fs';
import type { CommandConfig } from '../config/config.ts';
import { listenAddress } from '../config/kinds.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import { type ControlServer, type ControlServerOptions, listenOnTcp } from '../ops/control-server.ts';

/** Where nobody has said. With several agents on a machine one has it. */
const DEFAULT_ADDRESS = { host: '127.0.0.1', port: 9480 };

/** @returns none if there is to be none. @throws OperatorError if the address that was asked for cannot be used */
export async function serveTcp(
  { http, httpControl }: Pick<CommandConfig<'agent'>, 'http' | 'httpControl'>,
  serving: ControlServerOptions,
  conceal: (secret: string) => void,
): Promise<ControlServer[]> {
  if (http === 'off') return [];
  const address = http ?? DEFAULT_ADDRESS;
  const token = httpControl === undefined ? undefined : () => readToken(httpControl, conceal);
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
function readToken(file: string, conceal: (secret: string) => void): string {
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
  conceal(token);
  return token;
}
