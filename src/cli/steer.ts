// One wish to a running agent, and its answer.
import { EXIT, OperatorError, RefusedError } from '../model/errors.ts';
import { askAgent } from '../ops/control-client.ts';
import type { FoundAgent } from './find-agent.ts';

/** POSTs. @throws OperatorError if the agent is gone or cannot, RefusedError if it will not */
export async function steer<Body extends object>(
  { directory, status }: FoundAgent,
  wish: { readonly path: string; readonly timeoutMs: number },
): Promise<Body> {
  const answer = await askAgent(directory, { method: 'POST', ...wish });
  const body = (answer?.body ?? { error: 'it has ended' }) as Body | { error: string };
  if (!('error' in body)) return body;
  const message = `Cannot steer the agent of ${status.local}: ${body.error}`;
  if (answer?.code === 409) throw new RefusedError(message);
  throw new OperatorError(message, { exitCode: EXIT.fatal });
}
