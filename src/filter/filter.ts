// Pure. The path filter: reserved names, --include and --exclude, and the original's two variables.
import { UsageError } from '../model/errors.ts';
import { LEGACY_READY_MARKER, TEMPORARY_PREFIX } from '../model/key.ts';
import { isWithin, type RelPath, ROOT } from '../model/path.ts';
import { compileAwsGlob } from './aws-glob.ts';
import { charactersOf } from './characters.ts';
import { compileExtendedRegex } from './extended-regex.ts';
import { compileGlob } from './glob.ts';
import type { FilterRule, PathFilter, SnapshotRules } from './path-filter.ts';

/** What a filter is made of; everything left out excludes nothing. */
export interface FilterOptions {
  /** --include and --exclude in their order: the last that matches wins; what none matches is included. */
  readonly rules?: readonly FilterRule[];
  /** SYNC_EXCLUDES. Leave it out for a restore: the original's restore did not apply it. */
  readonly syncExcludes?: readonly string[];
  /** FILTER_REGEX; it is searched in paths beneath `rootForRegex`. */
  readonly filterRegex?: string | undefined;
  /** The absolute path of LOCAL as the user wrote it, symbolic links unresolved: FILTER_REGEX was written against it. */
  readonly rootForRegex: string;
  /** The ready file, where it lies beneath the root. */
  readonly readyFile?: RelPath | undefined;
  /** What belongs to a file that a command makes is left out. */
  readonly snapshots?: SnapshotRules;
}

/**
 * Compiles a filter.
 *
 * @throws UsageError for a glob or expression that cannot be used
 */
export function createFilter(options: FilterOptions): PathFilter {
  const rules = (options.rules ?? []).map(({ include, glob }) => ({ include, glob: compileGlob(glob) })).reverse();
  const excludes = (options.syncExcludes ?? []).map(compileAwsGlob);
  const reserved = [LEGACY_READY_MARKER, ...(options.readyFile ? [options.readyFile] : [])] as RelPath[];

  function isReserved(path: RelPath): boolean {
    if (path.includes(TEMPORARY_PREFIX) && path.split('/').some((name) => name.startsWith(TEMPORARY_PREFIX)))
      return true;
    return reserved.some((name) => isWithin(path, name));
  }

  return {
    includes(path, isDirectory) {
      if (path === ROOT) return true;
      if (isReserved(path) || (!isDirectory && options.snapshots?.ownerOf(path) !== undefined)) return false;
      if (excludes.length === 0 && rules.length === 0) return true;
      const subject = subjectOf(path, isDirectory);
      if (excludes.some((glob) => glob.matches(subject))) return false;
      return rules.find(({ glob }) => glob.matches(subject))?.include ?? true;
    },
    descends(dir) {
      if (isReserved(dir)) return false;
      const subject = subjectOf(dir, true);
      if (excludes.some((glob) => glob.covers(subject))) return false;
      // From the last rule back: the first that can include something beneath, or excludes all of it, settles it.
      const settling = rules.find(({ include, glob }) => (include ? glob.reaches(subject) : glob.covers(subject)));
      return settling?.include ?? true;
    },
    watches: watchesOf(options.filterRegex, options.rootForRegex),
  };
}

/** The path as globs see it. */
export function subjectOf(path: RelPath, isDirectory: boolean): string {
  return charactersOf(path) + (isDirectory && path !== ROOT ? '/' : '');
}

/** A directory that is not watched hides everything beneath it, so the directories above a path are asked too. */
function watchesOf(filterRegex: string | undefined, root: string): PathFilter['watches'] {
  if (filterRegex === undefined || filterRegex === '') return () => true;
  const regex = compileExtendedRegex(filterRegex);
  const base = `${root.replace(/\/+$/, '')}/`;
  if (regex.test(base)) {
    throw new UsageError(
      `Cannot use FILTER_REGEX: it must leave something to watch, current value '${filterRegex}' matches LOCAL itself (${base})`,
      'Write it so that it matches only paths beneath LOCAL.',
    );
  }
  return (path, isDirectory = false) => {
    if (path === ROOT) return true;
    const subject = base + subjectOf(path, isDirectory);
    if (regex.test(subject)) return false;
    for (let slash = subject.indexOf('/', base.length); slash >= 0; slash = subject.indexOf('/', slash + 1)) {
      if (regex.test(subject.slice(0, slash + 1))) return false;
    }
    return true;
  };
}
