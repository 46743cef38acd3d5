// `awssyncer agent`: the directories of a file, each kept as `run` or `watch` would keep it, until told to end.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../agent/clock.ts';
import { measureProcess } from '../agent/process-measurements.ts';
import type { CommandConfig } from '../config/config.ts';
import { type DirectoryConfig, readConfigFile } from '../config/config-file.ts';
import { showS3Url } from '../config/location.ts';
import { Fleet } from '../fleet/fleet.ts';
import { Member } from '../fleet/member.ts';
import { EXIT, OperatorError, UsageError } from '../model/errors.ts';
import type { ControlServer } from '../ops/control-server.ts';
import { type ControlledFleet, notifiedStatus } from '../ops/fleet-control.ts';
import { fleetSite } from '../ops/fleet-routes.ts';
import { openServiceManager, withoutServiceManager } from '../ops/service-manager.ts';
import type { CommandContext } from './context.ts';
import { run } from './run.ts';
import { serveTcp } from './tcp.ts';
import { watch } from './watch.ts';

export async function agent(config: CommandConfig<'agent'>, context: CommandContext): Promise<number> {
  const directories = readDirectories(config, context);
  if (config.check) {
    const lines = directories.map(({ name, command, config: { local, remote } }) => {
      return `${name}: ${command} ${local} ${showS3Url(remote)}\n`;
    });
    context.stdout(lines.join(''));
    return EXIT.ok;
  }
  const { log, redact, conceal, version, commit, now, env, dieOf } = context;
  const tell = (): void => manager?.tell();
  const fleet = new Fleet((directory) => openMember(directory, context, tell));
  const controlled: ControlledFleet = {
    now,
    identity: { pid: process.pid, version, commit, since: new Date(now()).toISOString() },
    get isEnding() {
      return fleet.isEnding;
    },
    process: () => measureProcess({ version, commit }),
    directories: () => fleet.directories(),
  };
  const status = () => notifiedStatus(controlled);
  const { promise: told, resolve: end, reject: fail } = Promise.withResolvers<NodeJS.Signals>();
  const { promise: started, resolve: start } = Promise.withResolvers<unknown>();
  const release = context.onSignal(['SIGTERM', 'SIGINT', 'SIGHUP'], (signal) => {
    // Not before the start: what was read for that is older.
    if (signal === 'SIGHUP') return void started.then(() => reload(fleet, config, context)).catch(fail);
    if (fleet.isEnding) dieOf(signal);
    end(signal);
  });
  const servers: ControlServer[] = [];
  const manager = openServiceManager({ env, pid: process.pid, log, status, timer: clock.timer });
  try {
    servers.push(...(await serveTcp(config, { site: fleetSite(controlled), log, redact }, conceal)));
    start(await fleet.change(directories));
    const ending = fleet.end(await told);
    tell();
    return await ending;
  } finally {
    release();
    manager?.close();
    await Promise.all(servers.map((server) => server.close()));
  }
}

function openMember(directory: DirectoryConfig, context: CommandContext, onChange: () => void): Member {
  const own = context.logOf(directory.name);
  const shared = { ...context, ...own, env: withoutServiceManager(context.env), interactive: false };
  return new Member(directory, {
    ...{ log: own.log, now: context.now, sleep, onChange },
    start: ({ command, config }, edges) => {
      const member = { ...shared, ...edges };
      return command === 'run' ? run(config, member) : watch(config, member);
    },
  });
}

/** A file with a mistake changes nothing. */
async function reload(fleet: Fleet, config: CommandConfig<'agent'>, context: CommandContext): Promise<void> {
  const { log } = context;
  let directories: DirectoryConfig[];
  try {
    directories = readDirectories(config, context);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    log.error('the file is not used: everything goes on as before', { reason: error.message, hint: error.hint });
    return;
  }
  const { started, ended } = await fleet.change(directories);
  log.info('the file was read again', { started: started.join(', ') || 'none', ended: ended.join(', ') || 'none' });
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not read it',
};

/** @throws UsageError for a file that cannot be read, or has a mistake */
function readDirectories({ config: file }: CommandConfig<'agent'>, { cwd, env }: CommandContext): DirectoryConfig[] {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`Cannot use --config ${file}: ${UNREADABLE[code ?? ''] ?? code}`);
  }
  return readConfigFile(text, { file, env });
}
