// `awssyncer restore --list-versions PATH`: what S3 keeps of one file.
import { withRemote } from '../agent/remote.ts';
import { requireVersions } from '../agent/require-versions.ts';
import type { CommandConfig } from '../config/config.ts';
import { EXIT, OperatorError } from '../model/errors.ts';
import { fileKey, objectKey } from '../model/key.ts';
import { pathFromText } from '../model/path.ts';
import { showBytes } from '../ops/units.ts';
import type { ObjectVersion } from '../store/object-store.ts';
import type { CommandContext } from './context.ts';

export async function listVersions(
  config: CommandConfig<'restore'>,
  path: string,
  context: CommandContext,
): Promise<number> {
  const relative = pathFromText(path.replace(/^\/+|\/+$/g, ''));
  const versions = await withRemote(config, context, async ({ store, prefix, url, retry }) => {
    const key = objectKey(prefix, fileKey(relative));
    await requireVersions({ store, retry });
    const found: ObjectVersion[] = [];
    for await (const version of store.versions(key)) found.push(version);
    if (found.length > 0) return found;
    throw new OperatorError(`Cannot list the versions of ${url}${path}: there never was such a file`, {
      exitCode: EXIT.fatal,
      hint: 'PATH is the path of one file relative to the URL.',
    });
  });
  if (config.json) {
    const all = versions.map(({ lastModifiedMs, ...version }) => ({ at: isoOf(lastModifiedMs), ...version }));
    context.stdout(`${JSON.stringify({ command: 'restore', exitCode: EXIT.ok, path, versions: all })}\n`);
  } else {
    for (const { lastModifiedMs, isDeleteMarker, sizeBytes, versionId } of versions) {
      const size = isDeleteMarker ? 'deleted' : showBytes(sizeBytes);
      context.stdout(`${isoOf(lastModifiedMs)}  ${size.padStart(10)}  ${versionId}\n`);
    }
  }
  return EXIT.ok;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
