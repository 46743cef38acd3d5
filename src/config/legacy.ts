// Pure. The environment of the original awssyncer and of its two container entrypoints.
import { UsageError } from '../model/errors.ts';
import { type Environment, variable } from './environment.ts';
import { parseS3Url, showS3Url } from './location.ts';

/** The filters of the original, which have no flags. */
export interface LegacyFilters {
  /** POSIX extended regular expression, searched in absolute paths: a match is not watched. */
  readonly filterRegex: string | undefined;
  /** Globs of `aws s3 sync --exclude`. */
  readonly syncExcludes: readonly string[];
}

/** FILTER_REGEX and SYNC_EXCLUDES. */
export function legacyFilters(env: Environment): LegacyFilters {
  return {
    filterRegex: variable(env, 'FILTER_REGEX'),
    syncExcludes: (env['SYNC_EXCLUDES'] ?? '').split('|').filter((glob) => glob !== ''),
  };
}

/** Whether a call without arguments is the original's: it had none, watched, and took both sides from the environment. */
export function isImplicitWatch(argv: readonly string[], env: Environment): boolean {
  return argv.length === 0 && variable(env, 'LOCAL_PATH') !== undefined && variable(env, 'S3_BUCKET') !== undefined;
}

/** Options of `aws s3 cp` without a value, and what they become. */
const SWITCHES: Readonly<Record<string, string | undefined>> = {
  '--recursive': undefined,
  '--no-progress': undefined,
  '--quiet': '--quiet',
  '--only-show-errors': '--log-level=error',
  '--debug': '--verbose',
};

/** Options of `aws s3 cp` with a value. */
const VALUED: Readonly<Record<string, (value: string) => readonly string[]>> = {
  '--region': (value) => [`--region=${value}`],
  '--endpoint-url': (value) => [`--endpoint-url=${value}`],
  '--exclude': (value) => ourGlobs(value).map((glob) => `--exclude=${glob}`),
  '--include': (value) => ourGlobs(value).map((glob) => `--include=${glob}`),
};

/**
 * The command line for the original's one-off entrypoint, `aws s3 cp s3://S3_BUCKET/S3_OBJECT LOCAL_PATH S3_ARGS`:
 * a restore of that object, or with --recursive of everything beneath it. Nothing is remembered, so nothing local is
 * removed. LOCAL_PATH is left to the environment.
 *
 * @throws UsageError for an option of `aws s3 cp` that has no equivalent here, and for a missing S3_BUCKET or S3_OBJECT
 */
export function oneOffCommand(env: Environment): readonly string[] {
  const bucket = variable(env, 'S3_BUCKET');
  if (bucket === undefined) throw new UsageError('Cannot copy: S3_BUCKET must name the bucket, it is not set');
  const args = words(env['S3_ARGS'] ?? '');
  const options = translate(args);
  const object = (env['S3_OBJECT'] ?? '').replace(/^\//, '');
  const source = parseS3Url(`${bucket.replace(/\/$/, '')}/${object}`, 'S3_BUCKET and S3_OBJECT');
  const url = showS3Url(source);
  const command = ['restore', '--state-dir=none', ...options];
  if (args.includes('--recursive')) return [...command, url];
  checkObject(object, options);
  return [...command, '--object', url.slice(0, -1)];
}

/** @throws UsageError if it cannot be one object */
function checkObject(object: string, options: readonly string[]): void {
  if (object === '' || object.endsWith('/')) {
    throw new UsageError(
      `Cannot copy S3_OBJECT: it must be the key of one object, current value is '${object}'`,
      'For everything beneath a prefix add --recursive to S3_ARGS.',
    );
  }
  if (options.some((option) => /^--(in|ex)clude=/.test(option))) {
    throw new UsageError(
      'Cannot use --include and --exclude in S3_ARGS: they need --recursive, S3_OBJECT is one object',
    );
  }
}

function translate(args: readonly string[]): string[] {
  const options: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    const [, name = arg, inline] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? [];
    if (Object.hasOwn(SWITCHES, arg)) {
      const ours = SWITCHES[arg];
      if (ours !== undefined) options.push(ours);
    } else if (Object.hasOwn(VALUED, name)) {
      const value = inline ?? args[++index];
      if (value === undefined) throw new UsageError(`Cannot use ${name} in S3_ARGS: it needs a value, there is none`);
      options.push(...VALUED[name]!(value));
    } else {
      throw new UsageError(
        `Cannot use '${arg}' in S3_ARGS: it has no equivalent here`,
        `What works: ${[...Object.keys(SWITCHES), ...Object.keys(VALUED)].join(', ')}.`,
      );
    }
  }
  return options;
}

/** Words separated by blanks; quotes keep blanks, as a shell would. */
function words(text: string): string[] {
  const parts = text.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+|['"]/g) ?? [];
  return parts.map((word) => {
    if (word === "'" || word === '"')
      throw new UsageError(`Cannot use S3_ARGS: a quote is not closed, current value is ${text}`);
    return word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2');
  });
}

/** Beyond this many stars the alternatives of a glob become too many. */
const MOST_STARS = 4;

/**
 * Globs of ours that together match the files an aws-style glob matches. Its star crosses '/', so each star is either a
 * star within a name or one that spans names; as with every glob of ours a directory counts with what is beneath it.
 */
function ourGlobs(awsGlob: string): string[] {
  const parts = awsGlob.replaceAll('\\', '\\\\').split('*');
  if (parts.length - 1 > MOST_STARS || awsGlob === '') {
    throw new UsageError(
      `Cannot use the glob '${awsGlob}' in S3_ARGS: it must have at most ${MOST_STARS} stars and not be empty`,
    );
  }
  const [first, ...rest] = parts;
  const stars = (globs: readonly string[], part: string) =>
    ['*', '*/**/*'].flatMap((star) => globs.map((glob) => glob + star + part));
  return rest.reduce<readonly string[]>(stars, [`/${first}`]).slice();
}
