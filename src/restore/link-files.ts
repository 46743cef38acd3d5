// Files that were one with several names become one again, when all of them are in place.
import { linkSync, renameSync, unlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import type { LedgerRow } from '../ledger/ledger.ts';
import { sameFile, sameMetadata } from '../ledger/unchanged.ts';
import type { Stat } from '../model/entry.ts';
import { pathOfKey } from '../model/key.ts';
import { displayPath, nameOf, parentOf } from '../model/path.ts';
import { BlockedError, ChangedError } from './errors.ts';
import { fatalError, isChanged, reasonOf } from './failures.ts';
import { temporaryName } from './real-tree.ts';
import { finding, type Linked, type Restoring } from './work.ts';

/**
 * Links what S3 says belongs together, as far as it is equal, and writes the rows of all that may. What somebody has
 * changed meanwhile is left alone. What S3 held and had not become one yet when a restore was interrupted has no row:
 * the next one finds equal content and goes on.
 */
export async function linkFiles(work: Restoring): Promise<void> {
  const toLink: Linked[][] = [];
  for (const set of setsOf(work.linked)) {
    if (new Set(set.map(({ row }) => row.ino)).size > 1) toLink.push(set);
    else for (const { row, isKnown } of set) if (!isKnown) await work.rows.save(row);
  }
  if (toLink.length === 0) return;
  // Linking changes the times of those that are in place already. A row that does not tell them would call them changed.
  for (const { row, isKnown } of toLink.flat()) if (isKnown) await work.rows.forget(row.key);
  await work.rows.flush();
  for (const set of toLink) {
    work.signal.throwIfAborted();
    const rows = linkSet(
      work,
      set.map(({ row }) => row),
    );
    for (const row of rows) await work.rows.save(row);
    await setImmediate();
  }
}

/** Names that may be those of one file: of the same group, equal in all that names of one file have in common. */
function setsOf(linked: readonly Linked[]): Linked[][] {
  const sets = Map.groupBy(linked, ({ row }) => {
    const { linkGroup, checksum, sizeBytes, mtimeNs, mode, uid, gid, xattrs } = row;
    return [linkGroup, checksum, sizeBytes, mtimeNs, mode, uid, gid, xattrs].join(' ');
  });
  return [...sets.values()];
}

/** Synchronous: nothing of ours comes between the looks at the files and their links. @returns the rows as they are now */
function linkSet(work: Restoring, rows: readonly LedgerRow[]): LedgerRow[] {
  const present = new Set(rows.filter((row) => isStill(look(work, row), row)));
  const source = mostNamed([...present]);
  for (const row of present) {
    if (row.ino === source?.ino) continue;
    try {
      link(work, { source: source!, row });
    } catch (error) {
      if (fatalError(error) !== undefined) throw error;
      if (isChanged(error)) continue; // its row will tell
      const reason = `it cannot be linked with ${displayPath(pathOfKey(source!.key))}: ${reasonOf(error)}`;
      work.tally.partial.push(finding(row.key, reason));
    }
  }
  return rows.map((row) => {
    const now = present.has(row) ? look(work, row) : undefined;
    const isOurs = now !== undefined && (now.ino === row.ino || now.ino === source!.ino);
    if (isOurs && isStillBut({ ...now, ino: row.ino }, row)) return { ...row, ino: now.ino, ctimeNs: now.ctimeNs };
    // Somebody changed it: a row that never counts as unchanged.
    work.tally.dirty.push(pathOfKey(row.key));
    return { ...row, ino: 0n, ctimeNs: 0n };
  });
}

/** One of the inode that most names have already. */
function mostNamed(rows: readonly LedgerRow[]): LedgerRow | undefined {
  const byInode = [...Map.groupBy(rows, ({ ino }) => ino).values()];
  return byInode.toSorted((a, b) => b.length - a.length)[0]?.[0];
}

/** The name of `row` becomes one of the file of `source`, in one step. */
function link({ tree, options }: Restoring, { source, row }: { source: LedgerRow; row: LedgerRow }): void {
  const from = tree.open(parentOf(pathOfKey(source.key)));
  const into = tree.open(parentOf(pathOfKey(row.key)));
  const [name, temporary] = [nameOf(pathOfKey(row.key)), temporaryName(options.randomName())];
  try {
    if (from === undefined || into === undefined) throw new ChangedError('its directory vanished');
    linkSync(from.entry(nameOf(pathOfKey(source.key))), into.entry(temporary));
    try {
      if (!into.isInPlace()) throw new BlockedError('its directory was moved away meanwhile');
      if (!isStillBut(into.lstat(name), row) || !isStillBut(into.lstat(temporary), source))
        throw new ChangedError('it changed on disk meanwhile');
      renameSync(into.entry(temporary), into.entry(name));
    } catch (error) {
      unlinkSync(into.entry(temporary));
      throw error;
    }
  } finally {
    from?.close();
    into?.close();
  }
}

/** undefined: nothing that can be looked at. */
function look({ tree }: Restoring, { key }: LedgerRow): Stat | undefined {
  try {
    return tree.lstat(pathOfKey(key));
  } catch {
    return undefined;
  }
}

function isStill(now: Stat | undefined, row: LedgerRow): boolean {
  return now !== undefined && sameFile(row, now) && sameMetadata(row, now);
}

/** The same of a file whose inode may have gained or lost a name by now, which changes its ctime. */
function isStillBut(now: Stat | undefined, row: LedgerRow): boolean {
  return now !== undefined && isStill({ ...now, ctimeNs: row.ctimeNs }, row);
}
