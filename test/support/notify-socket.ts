// In the place of systemd: a datagram socket, which Node has not, by a program of its own.
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempDir } from './temp-dir.ts';
import { until } from './until.ts';

/** What one datagram said. */
export interface Notification {
  /** Of the process that sent it. */
  readonly pid: number;
  readonly lines: readonly string[];
}

export interface NotifySocketOptions {
  /** It reads nothing. Default: false. */
  readonly deaf?: boolean;
}

/** Everything that was sent to this socket so far. @param socket a path, or '@' and the name of an abstract socket */
export async function notifySocket(
  t: TestContext,
  socket: string,
  { deaf = false }: NotifySocketOptions = {},
): Promise<readonly Notification[]> {
  const program = join(tempDir(t), 'notify-socket');
  const source = fileURLToPath(new URL('native/notify-socket.c', import.meta.url));
  execFileSync(process.env['CC'] ?? 'cc', ['-O1', '-Wall', '-Werror', '-o', program, source]);
  const child = spawn(program, deaf ? [socket, 'deaf'] : [socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let isBound = false;
  const heard: Notification[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [pid, ...lines] = line.split('\t');
    if (line === 'bound') isBound = true;
    else heard.push({ pid: Number(pid), lines });
  });
  await until('the socket is bound', () => isBound);
  return heard;
}
