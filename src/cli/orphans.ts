// As process 1 we inherit every orphan of the container, and must wait for it or it stays a zombie.
import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { reapOrphans } from '../watch/reap.ts';

/**
 * Reaps orphans from now on. Children that Node started are left to Node, whoever asked for them: the AWS SDK starts
 * some too (credential_process).
 */
export function adoptOrphans(): void {
  const children = new Set<ChildProcess>();
  const reap = (): void => void reapOrphans([...children].flatMap(({ pid }) => pid ?? []));
  // https://nodejs.org/docs/latest-v24.x/api/diagnostics_channel.html#event-child_process
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess };
    children.add(child);
    child.once('exit', () => {
      children.delete(child);
      reap(); // its zombie may have hidden others
    });
  });
  process.on('SIGCHLD', reap);
}
