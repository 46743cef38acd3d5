// Everything S3 holds beneath the prefix, as far as it can be files here.
import { isMarker, isReservedKey, pathOfKey, relativeKey } from '../model/key.ts';
import { displayPath, pathFromText } from '../model/path.ts';
import { findKeyConflicts } from '../plan/key-conflicts.ts';
import { finding, type Remote, type Restoring } from './work.ts';

/** Lists completely, or rejects: nothing may be concluded from half a listing. In byte order of the keys. */
export async function listRemote(work: Restoring): Promise<Remote[]> {
  const { store, prefix, filter } = work.options;
  const remotes: Remote[] = [];
  for await (const page of store.list(prefix, { signal: work.signal })) {
    for (const object of page) {
      const relKey = relativeKey(prefix, object.key);
      if (typeof relKey === 'string' && isReservedKey(relKey)) continue;
      work.tally.listed++;
      // The prefix's own marker, which consoles make, says nothing.
      if (object.key === prefix) continue;
      if (typeof relKey !== 'string') {
        const path = displayPath(pathFromText(object.key.slice(prefix.length)));
        work.tally.refused.push({ path, reason: relKey.impossible });
      } else if (filter.includes(pathOfKey(relKey), isMarker(relKey))) {
        remotes.push({ ...object, relKey });
      }
    }
  }
  return remotes;
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
