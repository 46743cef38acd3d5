// Everything S3 holds beneath the prefix, as far as it can be files here.
import { ownerOf } from '../model/companions.ts';
import { hashedOf, inKeyOrder, isMarker, pathOfKey, relativeKey } from '../model/key.ts';
import { displayPath, pathFromText } from '../model/path.ts';
import { findKeyConflicts } from '../plan/key-conflicts.ts';
import type { ListedObject } from '../store/object-store.ts';
import { finding, type Remote, type Restoring } from './work.ts';

/** Lists completely, or rejects: nothing may be concluded from half a listing. In byte order of the keys. */
export async function listRemote(work: Restoring): Promise<Remote[]> {
  const { store, prefix, filter } = work.options;
  const remotes: Remote[] = [];
  const aliases: Remote[] = [];
  for await (const page of store.list(prefix, { signal: work.signal })) {
    for (const object of page) {
      const relKey = relativeKey(prefix, object.key);
      if (relKey === undefined) continue;
      work.tally.listed++;
      // The prefix's own marker, which consoles make, says nothing.
      if (object.key === prefix) continue;
      if (typeof relKey === 'string') {
        const path = pathOfKey(relKey);
        if (!filter.includes(path, isMarker(relKey))) continue;
        remotes.push({ ...object, relKey });
        if (!isMarker(relKey) && ownerOf(path) !== undefined) work.storedLogs.add(path);
      } else if (relKey.alias === undefined || isMarker(relKey.alias)) {
        refuse(work, object, relKey.impossible);
        if (hashedOf(prefix, object.key) === object.key) work.nameless.add(object.key);
      } else if (filter.includes(pathOfKey(relKey.alias), false)) {
        aliases.push({ ...object, relKey: relKey.alias, isAlias: true });
      }
    }
  }
  const all = aliases.length === 0 ? remotes : [...remotes, ...withoutShadowed(work, { remotes, aliases })];
  return inKeyOrder(all, ({ relKey }) => relKey);
}

function refuse({ options, tally }: Restoring, { key }: ListedObject, reason: string): void {
  tally.refused.push({ path: displayPath(pathFromText(key.slice(options.prefix.length))), reason });
}

/** Those whose path has no object of its own, and never had one that we knew. */
function withoutShadowed(
  work: Restoring,
  { remotes, aliases }: { remotes: readonly Remote[]; aliases: readonly Remote[] },
): readonly Remote[] {
  const own = new Set(remotes.map(({ relKey }) => relKey));
  return aliases.filter((alias) => {
    const isShadowed = own.has(alias.relKey) || work.options.ledger.get(alias.relKey) !== undefined;
    if (isShadowed) refuse(work, alias, 'awssyncer keeps this path under another key');
    return !isShadowed;
  });
}

/** Reports keys that lose their name to a newer object (`a` against `a/b`); returns them. */
export function reportKeyConflicts(work: Restoring, remotes: readonly Remote[]): ReadonlySet<string> {
  const losers = findKeyConflicts(remotes.map(({ relKey, lastModifiedMs }) => ({ key: relKey, lastModifiedMs })));
  for (const [key, winner] of losers) {
    work.tally.refused.push(
      finding(key, `S3 also holds the newer ${displayPath(winner)}, and both cannot be on one disk`),
    );
  }
  return new Set(losers.keys());
}
