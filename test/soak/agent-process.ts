// The handle of an agent that runs as a process of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AgentLook, AgentOrder, AgentReply, AgentSettings } from './agent-program.ts';

const PROGRAM = fileURLToPath(new URL('agent-program.ts', import.meta.url));

type Order = AgentOrder extends infer One ? (One extends AgentOrder ? Omit<One, 'id'> : never) : never;

export class AgentProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (reply: AgentReply) => void; reject: (error: Error) => void }>();
  #orders = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: AgentReply) => {
      this.#waiting.get(reply.id)?.resolve(reply);
      this.#waiting.delete(reply.id);
    });
    child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the agent ended with ${code ?? signal}`));
      this.#waiting.clear();
    });
  }

  /** Resolves when it watches. @throws if it ends before: S3 may not have answered */
  static async start(settings: AgentSettings, env: NodeJS.ProcessEnv): Promise<AgentProcess> {
    const log = openSync(settings.logFile, 'a');
    const child = fork(PROGRAM, [JSON.stringify(settings)], {
      env,
      execArgv: ['--expose-gc'],
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    const agent = new AgentProcess(child);
    await agent.#reply(0);
    return agent;
  }

  /** Resolves when everything that was done before is in S3. @throws with what hangs if that takes too long */
  async settle(deadlineMs: number): Promise<void> {
    const late = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => late.resolve('late'), deadlineMs);
    const end = await Promise.race([this.#order({ do: 'settle' }), late.promise]).finally(() => clearTimeout(timer));
    if (end !== 'late') return;
    const { pending, problems } = await this.look();
    throw new Error(`not settled within ${deadlineMs} ms: ${pending.join(', ')}; problems: ${problems.join(', ')}`);
  }

  async overflow(on: boolean): Promise<void> {
    await this.#order({ do: 'overflow', on });
  }

  async stepClock(stepMs: number): Promise<void> {
    await this.#order({ do: 'clock', stepMs });
  }

  async look(): Promise<AgentLook> {
    return (await this.#order({ do: 'look' })).look!;
  }

  /** Drains and ends it, in order. */
  async stop(): Promise<void> {
    await this.#order({ do: 'stop' });
    await this.kill();
  }

  /** kill -9. Resolves when it is dead. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #order(order: Order): Promise<AgentReply> {
    const id = ++this.#orders;
    const answered = this.#reply(id);
    this.#child.send({ ...order, id });
    const reply = await answered;
    if (reply.error !== undefined) throw new Error(reply.error);
    return reply;
  }

  #reply(id: number): Promise<AgentReply> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}
