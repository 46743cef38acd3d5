// The image of docker/Dockerfile, built on this machine without an engine, and containers of it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PROGRAMS = ['buildah', 'mmdebstrap', 'docker-compose', 'ip'];

/** Why no image can be built here; undefined if one can. */
export function whyNoImage(): string | undefined {
  if (process.getuid!() !== 0) return 'only root can mount and change roots';
  const directories = (process.env['PATH'] ?? '').split(':');
  const missing = PROGRAMS.filter((program) => !directories.some((directory) => existsSync(join(directory, program))));
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`;
}

export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Volumes: Readonly<Record<string, object>>;
  readonly StopSignal: string;
  readonly Healthcheck: { readonly Test: readonly string[]; readonly Interval: number; readonly StartPeriod: number };
}

export interface Image {
  /** Its root directory on this machine. */
  readonly tree: string;
  readonly config: ImageConfig;
}

/** Builds it in a directory. */
export async function buildImage(directory: string): Promise<Image> {
  await promisify(execFile)(join(import.meta.dirname, 'build'), [directory]);
  const { Docker } = JSON.parse(readFileSync(join(directory, 'image.json'), 'utf8'));
  const tree = join(directory, 'tree');
  // An engine makes it where an image has none, to put a container's own over it.
  if (!existsSync(join(tree, 'etc/hosts'))) writeFileSync(join(tree, 'etc/hosts'), '');
  return { tree, config: Docker.config };
}

export interface ContainerOptions {
  /** Instead of the image's entrypoint. */
  readonly command?: readonly string[];
  /** After the entrypoint. */
  readonly args?: readonly string[];
  /** Besides the image's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Directories of this machine, by where the container has them. A new one becomes as the image has it there. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Files or directories of this machine that it may only read, by where the container has them. */
  readonly readable?: Readonly<Record<string, string>>;
  /** Where it starts, by default at the root. */
  readonly directory?: string;
  /** Runs in the network of this process instead of this machine's. */
  readonly networkOf?: number;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  output(): string;
}

/** What mounts over an image's tree, which is then read-only for whoever is started by the remaining arguments. */
const MOUNT = `set -eu
root=$1; shift
mount --bind "$root" "$root"
for name in proc dev; do mount --rbind "/$name" "$root/$name"; done
mount -t tmpfs none "$root/tmp"
while [ "$1" != -- ]; do
  [ -e "$root$3" ] || mkdir -p "$root$3"
  mount --bind "$2" "$root$3"
  [ "$1" = rw ] || mount -o remount,bind,ro "$root$3"
  shift 3
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"`;

/**
 * Starts what a container of the image would start, by the image's user, without any capability or a way to one, with
 * a root that is read-only but for /tmp and the volumes. It is the process that is returned: signals reach it.
 */
export function startContainer({ tree, config }: Image, options: ContainerOptions = {}): Running {
  const { command = config.Entrypoint, args = [], env = {}, volumes = {}, readable = {}, networkOf } = options;
  const { directory = '/' } = options;
  for (const [inside, outside] of Object.entries(volumes)) madeLike(join(tree, inside), outside);
  const [uid, gid] = config.User.split(':');
  const binds = [...bindsOf('rw', volumes), ...bindsOf('ro', readable)];
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs'];
  const rights = ['--bounding-set=-all', '--inh-caps=-all'];
  const shell = [
    'unshare',
    '--mount',
    'sh',
    '-c',
    MOUNT,
    'sh',
    tree,
    ...binds,
    '--',
    'env',
    `--chdir=${directory}`,
    ...user,
    ...rights,
    '--',
  ];
  const network = networkOf === undefined ? [] : ['nsenter', `--net=/proc/${networkOf}/ns/net`];
  const [program, ...rest] = [...network, ...shell, ...command, ...args];
  const image = Object.fromEntries(config.Env.map((line) => line.split(/=(.*)/s, 2)));
  const child = spawn(program!, rest, { env: { ...image, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const ended = new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
  return { process: child, ended, output: () => output };
}

/** A new volume is as the image's directory: its owner may write into it. */
function madeLike(model: string, directory: string): void {
  if (existsSync(directory) || !existsSync(model)) return;
  const { uid, gid, mode } = statSync(model);
  mkdirSync(directory, { recursive: true });
  chownSync(directory, uid, gid);
  chmodSync(directory, mode & 0o7777);
}

function bindsOf(how: 'rw' | 'ro', places: Readonly<Record<string, string>>): string[] {
  return Object.entries(places).flatMap(([inside, outside]) => [how, outside, inside]);
}
