// A Ceph RGW that ends with this process, however this process ends.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createInterface } from 'node:readline';

const UP = new URL('../../scripts/ceph-rgw/up', import.meta.url).pathname;
const TOOLS = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'monmaptool', 'osdmaptool'];

/** The first program that RGW needs and this machine lacks; undefined if it has them all. */
export function missingCephTool(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(':');
  return TOOLS.find((tool) => !directories.some((directory) => isExecutable(`${directory}/${tool}`)));
}

/** The AWS variables that reach a new RGW, and how to end it. */
export async function startCephRgw(): Promise<{ env: Readonly<Record<string, string>>; close(): Promise<void> }> {
  // It ends when its standard input does: by close, or because nobody holds the other end any more. Its own process
  // group keeps a Ctrl-C for the tests from killing it before it has cleaned up.
  const supervisor = spawn(UP, ['--until-eof'], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
  const ended = new Promise<void>((resolve) => supervisor.once('close', () => resolve()));
  const env: Record<string, string> = {};
  for await (const line of createInterface({ input: supervisor.stdout })) {
    const [, name, value] = /^export (\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) env[name] = value;
  }
  if (env['AWS_ENDPOINT_URL'] === undefined) throw new Error('Cannot start Ceph RGW: see its messages above');
  // Does not keep a test process alive that forgot to close it.
  supervisor.unref();
  (supervisor.stdin as unknown as { unref(): void }).unref();
  return {
    env,
    close: () => {
      supervisor.ref();
      supervisor.stdin.end();
      return ended;
    },
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
