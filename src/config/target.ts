// Pure. What a command works on: the arguments LOCAL and URL, or LOCAL_PATH and S3_BUCKET.
import { UsageError } from '../model/errors.ts';
import { type Environment, variable } from './environment.ts';
import { usageOf } from './help.ts';
import { isS3Url, parseLocal, parseS3Url, type S3Location } from './location.ts';
import type { Command } from './option.ts';

/** Both sides of every command. */
export interface Target {
  /** As given: absolute, or relative to the working directory. */
  readonly local: string;
  readonly remote: S3Location;
}

/** The S3 side of a command that works on nothing else. */
export type RemoteSide = Pick<Target, 'remote'>;

/** What is said of the two sides; either may be left open. */
export type Address = { readonly [Side in keyof Target]: Target[Side] | undefined };

/**
 * Both sides, each from its argument or else from the environment.
 *
 * @param operands the words after the command
 * @param needsLocal by default; else LOCAL is '' where nothing is said of it
 * @throws UsageError for one that is missing, misplaced or malformed
 */
export function readTarget(
  command: Command,
  operands: readonly string[],
  env: Environment,
  { needsLocal = true } = {},
): Target {
  const { local = needsLocal ? undefined : '', remote } = readAddress(command, operands, env);
  if (local === undefined) throw missing(command, { what: 'LOCAL', name: 'LOCAL_PATH' });
  if (remote === undefined) throw missing(command, URL_SIDE);
  return { local, remote };
}

/** The S3 side alone. @throws UsageError for one that is missing or malformed, or for a directory */
export function readRemote(command: Command, operands: readonly string[], env: Environment): RemoteSide {
  const { local, remote } = readAddress(command, operands, env);
  const [first] = operands.filter((operand) => !isS3Url(operand));
  if (first !== undefined && local !== undefined) {
    throw new UsageError(`Cannot use '${first}': ${command} takes only an S3 URL`, `Usage: ${usageOf(command)}`);
  }
  if (remote === undefined) throw missing(command, { ...URL_SIDE, action: `list ${command}` });
  return { remote };
}

/** The same for a command that needs neither. @throws UsageError for one that is misplaced or malformed */
export function readAddress(command: Command, operands: readonly string[], env: Environment): Address {
  if (operands.length > 2) {
    throw new UsageError(
      `Cannot use '${operands[2]}': ${command} takes LOCAL and an S3 URL, this is a third argument`,
      command === 'run' ? "Put '--' in front of the command to run." : `Usage: ${usageOf(command)}`,
    );
  }
  if (operands.length === 2) checkOrder(command, operands as [string, string]);
  const url = operands.find(isS3Url);
  const local = operands.find((operand) => !isS3Url(operand));
  return {
    local: local === undefined ? localFromEnvironment(env) : parseLocal(local),
    remote: url === undefined ? remoteFromEnvironment(env) : parseS3Url(url),
  };
}

/** Data flows from left to right: restore reads its first argument, all others write to their second. */
function checkOrder(command: Command, [first, second]: readonly [string, string]): void {
  const [local, url] = command === 'restore' ? [second, first] : [first, second];
  if (isS3Url(url) && !isS3Url(local)) return;
  const usage = `Usage: ${usageOf(command)}`;
  if (isS3Url(local) && isS3Url(url))
    throw new UsageError(`Cannot ${deedOf(command)}: one side must be a directory, both are S3 URLs`, usage);
  if (isS3Url(local)) {
    throw new UsageError(
      `Cannot ${deedOf(command)}: ${command === 'restore' ? 'the S3 URL comes first, then LOCAL' : 'LOCAL comes first, then the S3 URL'}; they are swapped`,
      `Write awssyncer ${command} ${second} ${first}.`,
    );
  }
  throw new UsageError(`Cannot ${deedOf(command)}: '${url}' must be an S3 URL, s3://BUCKET[/PREFIX]`, usage);
}

function localFromEnvironment(env: Environment): string | undefined {
  const local = variable(env, 'LOCAL_PATH');
  if (local === undefined) return undefined;
  if (!local.startsWith('/')) {
    throw new UsageError(`Cannot use LOCAL_PATH: it must be an absolute path, current value is '${local}'`);
  }
  return parseLocal(local, 'LOCAL_PATH');
}

function remoteFromEnvironment(env: Environment): S3Location | undefined {
  const bucket = variable(env, 'S3_BUCKET');
  return bucket === undefined ? undefined : parseS3Url(bucket, 'S3_BUCKET');
}

/** Most commands are called what they do. */
function deedOf(command: Command): string {
  return ['status', 'doctor'].includes(command) ? `run ${command}` : command;
}

const URL_SIDE = { what: 'the S3 URL', name: 'S3_BUCKET' } as const;

function missing(
  command: Command,
  { what, name, action = deedOf(command) }: { readonly what: string; readonly name: string; readonly action?: string },
): UsageError {
  return new UsageError(`Cannot ${action}: ${what} is missing`, `Usage: ${usageOf(command)}; or set ${name}.`);
}
