// Where and when something is measured.
import { execFileSync, spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Bench } from './bench.ts';
import type { Circumstances } from './results.ts';
import { OURS, PEERS, type ToolName } from './tools.ts';

/** statfs(2), f_type. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlayfs',
};

export function circumstances(bench: Bench): Circumstances {
  const type = statfsSync(bench.options.directory).type;
  const versioned = [OURS, ...PEERS].filter(({ name }) => bench.has(name));
  const lsyncd = { name: 'lsyncd' as ToolName, version: ['--version'] };
  const versions = [...versioned, ...(bench.has('lsyncd') ? [lsyncd] : [])].map(({ name, version }) => {
    return [name, versionOf(bench, { name, version })] as const;
  });
  return {
    at: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: gitCommit(),
    machine: {
      processor: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
      kernel: `Linux ${release()}`,
      'file system': FILE_SYSTEMS[type] ?? `type ${type}`,
      'Node.js': process.version,
    },
    versions: Object.fromEntries(versions),
    missing: bench.missing,
  };
}

function versionOf(bench: Bench, { name, version }: { name: ToolName; version: readonly string[] }): string {
  const { argv, env } = bench.command(name, version);
  const { stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { env, encoding: 'utf8' });
  // The first line, without what the machine is called and built of.
  return (stdout || stderr)
    .split('\n', 1)[0]!
    .replace(/ (?:Python|Linux|exe|source)\/.*$/, '')
    .trim();
}

function gitCommit(): string {
  try {
    const git = (...args: readonly string[]): string =>
      execFileSync('git', args, {
        cwd: import.meta.dirname,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', '../../src') === '' ? '' : ' and changes')
    );
  } catch {
    return 'unknown';
  }
}
