// Who holds a lease: a state directory, on a machine from its start to its end.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Identity {
  readonly holder: string;
  readonly boot: string;
}

/**
 * The identity that belongs to a locked state directory, or one for this process alone. Processes that share it follow
 * each other: the lock ends with its holder, on one machine. A copy of the directory elsewhere has another `boot`.
 */
export function leaseIdentity(stateDir: string | null): Identity {
  return { holder: stateDir === null ? randomUUID() : keptHolder(join(stateDir, 'holder')), boot: bootId() };
}

function keptHolder(file: string): string {
  try {
    const kept = readFileSync(file, 'utf8').trim();
    if (kept !== '') return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const holder = randomUUID();
  writeFileSync(file, `${holder}\n`, { mode: 0o600 });
  return holder;
}

/** Of the running kernel, which containers share; hashed, for it is nobody else's business. proc(5) */
function bootId(): string {
  const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
  return createHash('sha256').update(`awssyncer ${id}`).digest('hex').slice(0, 16);
}
