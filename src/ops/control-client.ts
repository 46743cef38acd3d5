// Asks the agent that listens in a state directory.
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { EXIT, OperatorError } from '../model/errors.ts';
import { openSocketWay, type SocketWay } from './control-socket.ts';

export interface Question {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly timeoutMs: number;
}

export interface Answer {
  /** Of HTTP. */
  readonly code: number;
  readonly body: unknown;
}

/** Nobody listens: there is no directory, no socket in it, or the one of an agent that was killed. */
const NOBODY: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);

/**
 * Asks.
 *
 * @returns undefined if no agent listens in this directory
 * @throws OperatorError if one does and does not answer, or cannot be asked by this user
 */
export async function askAgent(directory: string, question: Question): Promise<Answer | undefined> {
  let way: SocketWay | undefined;
  try {
    way = openSocketWay(directory);
    return await send(way.path, question);
  } catch (error) {
    const { code, name, message } = error as NodeJS.ErrnoException;
    if (NOBODY.has(code)) return undefined;
    const rule =
      name === 'TimeoutError' || code === 'ABORT_ERR'
        ? `it has not answered for ${Math.ceil(question.timeoutMs / 1000)} s`
        : (code ?? message);
    throw new OperatorError(`Cannot ask the agent of ${directory}: ${rule}`, {
      exitCode: EXIT.fatal,
      hint: code === 'EACCES' ? 'Ask as the user it runs as, or as root.' : 'Look at its log.',
      cause: error,
    });
  } finally {
    way?.close();
  }
}

function send(socketPath: string, { method, path, timeoutMs }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = request({ socketPath, method, path, signal, agent: false }, (response) => {
      text(response)
        .then((body) => resolve({ code: response.statusCode!, body: JSON.parse(body) }))
        .catch(reject);
    });
    sent.once('error', reject);
    sent.end();
  });
}
