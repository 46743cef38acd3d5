// Pure. One page of a listing of versions. Versions and delete markers come in one order, which general parsers lose.
import type { VersionAnswer, VersionsAnswer } from '../s3-requests.ts';
import { XmlReader } from './xml-reader.ts';

/** The page a whole ListVersionsResult tells of; undefined if it is not of the form that servers write. */
export function readVersionPage(text: string): VersionsAnswer | undefined {
  const reader = XmlReader.of(text, 'ListVersionsResult', { lenient: true });
  const page: Record<string, string> = {};
  const versions: VersionAnswer[] = [];
  for (let name = reader?.open(); name !== undefined; name = reader!.open()) {
    if (name === '/ListVersionsResult') {
      if (!reader!.isAtEnd()) return undefined;
      return {
        Versions: versions,
        EncodingType: page['EncodingType'],
        IsTruncated: page['IsTruncated'] === undefined ? undefined : page['IsTruncated'] === 'true',
        NextKeyMarker: page['NextKeyMarker'],
        NextVersionIdMarker: page['NextVersionIdMarker'],
      };
    }
    if (name === 'Version' || name === 'DeleteMarker') {
      const version = readVersion(reader!, name);
      if (version === undefined) return undefined;
      versions.push(version);
    } else {
      const value = reader!.text(name);
      if (value === undefined || Object.hasOwn(page, name)) return undefined;
      page[name] = value;
    }
  }
  return undefined;
}

function readVersion(reader: XmlReader, kind: 'Version' | 'DeleteMarker'): VersionAnswer | undefined {
  const fields = reader.fields(kind, 'ChecksumAlgorithm');
  if (fields === undefined) return undefined;
  const { Key, VersionId, Size, ETag, LastModified } = fields;
  const time = Date.parse(LastModified ?? '');
  if (Key === undefined || VersionId === undefined || Number.isNaN(time)) return undefined;
  const common = { Key, VersionId, LastModified: new Date(time) };
  if (kind === 'DeleteMarker') return { ...common, IsDeleteMarker: true };
  return /^\d+$/.test(Size ?? '') ? { ...common, IsDeleteMarker: false, Size: Number(Size), ETag } : undefined;
}
