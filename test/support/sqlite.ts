// Databases of SQLite, for tests of what a command makes of them.
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/** Has each *.db stored as the program of the database itself copies it. */
export const HOOK = `--snapshot-hook=*.db=sqlite3 "$AWSSYNCER_SOURCE" '.timeout 10000' ".backup '$AWSSYNCER_SNAPSHOT'"`;

/** Whether there is that program; a line says so if there is none. */
export function hasSqlite(t: TestContext): boolean {
  const found = spawnSync('sqlite3', ['--version']).status === 0;
  if (!found) console.log(`${t.name}: not run, there is no sqlite3`);
  return found;
}
