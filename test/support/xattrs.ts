// Extended attributes and ACLs for tests, by the programs that people use: they must be installed (attr, acl, rsync), and
// the directory for temporary files must keep both.
import { execFileSync } from 'node:child_process';

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Sets attributes: a name and its value, by any name space. */
export function setAttributes(path: string, values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) run('setfattr', ['-n', name, '-v', value, path]);
}

export function removeAttribute(path: string, name: string): void {
  run('setfattr', ['-x', name, path]);
}

/** @param acl as setfacl's -m takes it; `d:` begins what a directory gives its files */
export function setAcl(path: string, acl: string): void {
  run('setfacl', ['-m', acl, path]);
}

/** Everything a path has, ACLs included. */
export function attributesOf(path: string): string {
  return run('getfattr', ['--absolute-names', '-h', '-d', '-m', '-', '-e', 'hex', path])
    .replace(/^#.*\n/, '')
    .trim();
}

/** What rsync would still have to do to make `to` what `from` is; a directory's own time aside. @param keeps `-AX`, `-H` */
export function differencesByRsync(from: string, to: string, keeps: string): string {
  return run('rsync', ['-an', keeps, '--omit-dir-times', '--delete', '--itemize-changes', `${from}/`, `${to}/`]);
}
