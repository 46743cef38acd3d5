// A page of versions as servers write it: in their order, or not at all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readVersionPage } from '../../src/store/lean/version-page.ts';

const OWNER = '<Owner><ID>id</ID><DisplayName>me</DisplayName></Owner>';
const version = (key: string, id: string, time = '2026-11-01T12:00:00.000Z'): string =>
  `<Version><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>false</IsLatest><LastModified>${time}</LastModified>` +
  `<ETag>&quot;e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumAlgorithm>SHA1</ChecksumAlgorithm>` +
  `<Size>3</Size><StorageClass>STANDARD</StorageClass>${OWNER}</Version>`;
const marker = (key: string, id: string): string =>
  `<DeleteMarker><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>true</IsLatest>` +
  `<LastModified>2026-11-01T12:00:00.000Z</LastModified>${OWNER}</DeleteMarker>`;
const page = (body: string, head = '<IsTruncated>false</IsTruncated>'): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
  `<Name>b</Name><Prefix></Prefix><KeyMarker></KeyMarker><EncodingType>url</EncodingType>${head}${body}</ListVersionsResult>\n`;

test('versions and delete markers keep the order they come in, within a second too', () => {
  const read = readVersionPage(page(marker('a', '3') + version('a', '2') + marker('a', '1') + version('a', 'null')))!;
  assert.deepEqual(
    read.Versions.map(({ Key, VersionId, IsDeleteMarker }) => `${IsDeleteMarker ? '-' : '+'}${Key}${VersionId}`),
    ['-a3', '+a2', '-a1', '+anull'],
  );
  const { LastModified, Size, ETag } = read.Versions[1]!;
  assert.deepEqual([LastModified.toISOString(), Size, ETag], ['2026-11-01T12:00:00.000Z', 3, '"e"']);
  assert.deepEqual([read.EncodingType, read.IsTruncated, read.NextKeyMarker], ['url', false, undefined]);
});

test('a page that is not the last tells where the next one begins', () => {
  const head =
    '<IsTruncated>true</IsTruncated><NextKeyMarker>a%2F</NextKeyMarker><NextVersionIdMarker>7</NextVersionIdMarker>';
  const { IsTruncated, NextKeyMarker, NextVersionIdMarker } = readVersionPage(page(version('a', '1'), head))!;
  assert.deepEqual([IsTruncated, NextKeyMarker, NextVersionIdMarker], [true, 'a%2F', '7']);
});

test('what other servers write is read as well: empty elements, characters by their numbers, attributes', () => {
  const whole = page(marker('a', '2') + version('a', '1'));
  const read = readVersionPage(whole);
  for (const other of [
    whole.replace('<KeyMarker></KeyMarker>', '<KeyMarker/>'),
    whole.replaceAll('&quot;', '&#34;'),
    whole.replaceAll('&quot;', '&#x22;'),
    whole.replaceAll(OWNER, '<Owner><ID>id</ID><DisplayName/></Owner>'),
    whole.replaceAll(OWNER, '<Owner />'),
    whole.replaceAll(
      '<Owner>',
      '<Owner xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">',
    ),
    whole.replaceAll('<StorageClass>STANDARD</StorageClass>', '<StorageClass/>'),
  ])
    assert.deepEqual(readVersionPage(other), read, other);
  const odd = readVersionPage(page(version('a&#38;lt;b', '1')))!;
  assert.equal(odd.Versions[0]!.Key, 'a&lt;b', 'decoded once');
});

test('what is not of this form is not read', () => {
  const whole = page(version('a', '1'));
  assert.ok(readVersionPage(whole) !== undefined);
  for (const broken of [
    '',
    whole.replace('ListVersionsResult', 'ListBucketResult'),
    whole.replace('<Size>3</Size>', ''),
    whole.replace('<Size>3</Size>', '<Size>x</Size>'),
    whole.replace('<VersionId>1</VersionId>', ''),
    whole.replace('2026-11-01', 'yesterday'),
    whole.replace('<Key>a</Key>', '<Key>a</Key><Key>b</Key>'),
    whole.replace('<Key>a</Key>', '<Key><![CDATA[a]]></Key>'),
    whole.replace('</Version>', ''),
    `${whole}<More/>`,
  ])
    assert.equal(readVersionPage(broken), undefined, broken);
});
