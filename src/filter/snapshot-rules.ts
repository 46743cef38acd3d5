// Pure. Which files are stored as a command makes them (--snapshot-hook), and what belongs to such a file.
import { ownerOf as databaseOf } from '../model/companions.ts';
import type { RelPath } from '../model/path.ts';
import { charactersOf } from './characters.ts';
import { compileGlob } from './glob.ts';
import type { SnapshotHook, SnapshotRules } from './path-filter.ts';

/** @throws UsageError for a glob that cannot be used */
export function createSnapshotRules(hooks: readonly SnapshotHook[]): SnapshotRules {
  const rules = hooks.map(({ glob, command }) => ({ glob: compileGlob(glob), command })).reverse();
  const matching = (path: RelPath) => rules.find(({ glob }) => glob.matches(charactersOf(path)))?.command;
  const ownerOf = (path: RelPath): RelPath | undefined => {
    const owner = rules.length === 0 ? undefined : databaseOf(path);
    return owner === undefined || matching(owner) === undefined ? undefined : owner;
  };
  return {
    ownerOf,
    commandFor: (path) => (rules.length === 0 || ownerOf(path) !== undefined ? undefined : matching(path)),
  };
}
