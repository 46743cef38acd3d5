// Pure. Directories that one agent keeps must not get into each other's way.

import { normalize } from 'node:path';
import { endpointFrom } from '../model/endpoint.ts';
import { UsageError } from '../model/errors.ts';
import type { DirectoryConfig } from './config-file.ts';
import type { Environment } from './environment.ts';
import { showS3Url } from './location.ts';

export interface Placed {
  readonly directory: DirectoryConfig;
  /** FILE:LINE. */
  readonly place: string;
}

/** What two of them must not have in common, and why; undefined: they are apart. */
type Rule = (one: DirectoryConfig, other: DirectoryConfig, env: Environment) => string | undefined;

const RULES: readonly Rule[] = [
  (one, other) => (one.name === other.name ? `both are called ${one.name}: give one another name` : undefined),
  // Each would take the other's objects for its own, or for somebody else's.
  (one, other, env) => {
    const [a, b] = [one.config.remote, other.config.remote];
    const isSameBucket = a.bucket === b.bucket && endpointOf(one, env) === endpointOf(other, env);
    return isSameBucket && areNested(a.prefix, b.prefix)
      ? `${showS3Url(a)} and ${showS3Url(b)} are one, or one is within the other`
      : undefined;
  },
  // Those that only upload may share a directory: two copies of it. Beside a restore a gap would look like a deletion.
  (one, other) => {
    const [a, b] = [one, other].map(({ config }) => `${spelt(config.local)}/`);
    return [one, other].some(({ command }) => command === 'run') && areNested(a!, b!)
      ? `${one.config.local} and ${other.config.local} are one, or one is within the other: both can only be watched (command: watch)`
      : undefined;
  },
  // It would be stored, and change with every object.
  (one, other) => {
    const isWithin = (a: DirectoryConfig, b: DirectoryConfig) =>
      a.config.stateDir !== undefined && `${spelt(a.config.stateDir)}/`.startsWith(`${spelt(b.config.local)}/`);
    const [inner, outer] = isWithin(one, other) ? [one, other] : [other, one];
    return isWithin(inner, outer)
      ? `the state directory ${inner.config.stateDir} is within ${outer.config.local}`
      : undefined;
  },
  (one, other) => {
    const [a, b] = [one, other].map(({ config }) => config.stateDir && spelt(config.stateDir));
    return a !== undefined && a !== 'none' && a === b ? `both have the state directory ${a}` : undefined;
  },
  (one, other) => {
    const [a, b] = [one, other].map(({ config }) =>
      'readyFile' in config && config.readyFile ? spelt(config.readyFile) : undefined,
    );
    return a !== undefined && a === b ? `both have the ready file ${a}` : undefined;
  },
];

/** @throws UsageError for the first two that are not */
export function checkApart(all: readonly Placed[], env: Environment): void {
  for (const [index, { directory, place }] of all.entries()) {
    for (const earlier of all.slice(0, index)) {
      const rule = RULES.map((rule) => rule(earlier.directory, directory, env)).find((said) => said !== undefined);
      if (rule !== undefined) throw new UsageError(`Cannot use ${place} beside ${earlier.place}: ${rule}`);
    }
  }
}

/** In one spelling; a profile's is not known here, and counts as none. */
function endpointOf({ config: { endpointUrl } }: DirectoryConfig, env: Environment): string {
  const endpoint = endpointUrl || endpointFrom(env) || '';
  return URL.canParse(endpoint) ? new URL(endpoint).href : endpoint;
}

/** One path has one spelling, as far as that is known without looking. */
function spelt(path: string): string {
  return normalize(path).replace(/\/$/, '');
}

function areNested(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}
