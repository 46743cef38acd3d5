// Pure. The AWSSYNCER_ variables: which there are, and which belong to somebody else.
import { UsageError } from '../model/errors.ts';
import { environmentName, OPTION_ROWS, REPEATABLE_OPTIONS } from './options.ts';
import { nearest } from './suggest.ts';

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const KNOWN: ReadonlySet<string> = new Set(
  [...OPTION_ROWS.map(([, row]) => row), ...REPEATABLE_OPTIONS].map((row) => environmentName(row.flag)),
);

/**
 * Kubernetes gives every pod variables named after the services of its namespace; those of a service called awssyncer
 * or awssyncer-metrics look like ours. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const SERVICE_LINK = /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/;

/**
 * Refuses an AWSSYNCER_ variable that names no option: a misspelt one would otherwise be a setting that silently does nothing.
 *
 * @throws UsageError with the nearest name
 */
export function checkVariableNames(env: Environment): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith('AWSSYNCER_') || KNOWN.has(name) || SERVICE_LINK.test(name)) continue;
    const meant = nearest(name, KNOWN);
    throw new UsageError(
      `Cannot use the environment variable ${name}: no option has this name`,
      meant ? `Did you mean ${meant}?` : 'awssyncer COMMAND --help names them all; unset this one.',
    );
  }
}

/** The value of a variable; an empty one counts as unset. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name] || undefined;
}
