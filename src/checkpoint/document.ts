// What lies in S3 of checkpoints: their names, and which versions make one up.
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';

/** Beneath the prefix; reserved, so no listing, restore or comparison ever sees them. */
export const CHECKPOINTS = '.awssyncer/checkpoints/';
/** What several checkpoints have in common. */
export const SEGMENTS = '.awssyncer/checkpoint-segments/';

export const CHECKPOINT_ATTRIBUTES = { metadata: {}, contentType: 'application/gzip' };

/** What S3 held under a key, by the part of the key after the prefix; without a version: nothing of ours. */
export type Entry = readonly [name: string] | readonly [name: string, versionId: string, etag?: string];

/** A moment at which S3 held exactly what was on disk. What later entries say goes before what earlier ones do. */
export interface Checkpoint {
  readonly id: string;
  /** Names of segments, in their order. */
  readonly segments: readonly string[];
  /** What changed since the last of them. */
  readonly entries: readonly Entry[];
}

/** Of this form of documents. One that is not known is refused: half understood it would be another moment. */
const FORM = 1;

const zip = promisify(gzip);
const unzip = promisify(gunzip);

/** Ten thousand entries of the longest names are less; more would be no document of ours. */
const MAX_BYTES = 128 * 1024 ** 2;

/** `20261128T113706.123Z-` and something random: names are in the order of time. */
export function checkpointId(atMs: number, random: string): string {
  return `${new Date(atMs).toISOString().replace(/[-:]/g, '')}-${random}`;
}

/** When it was taken, ms since 1970; undefined for what is no checkpoint's name. */
export function momentOf(id: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3}Z)-[0-9a-f]+$/.exec(id);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}`);
  return Number.isNaN(atMs) ? undefined : atMs;
}

export function encodeCheckpoint({ segments, entries }: Omit<Checkpoint, 'id'>): Promise<Buffer> {
  return zip(lines([{ awssyncer: FORM, segments }, ...entries]));
}

/** @throws Error if it is none */
export async function decodeCheckpoint(id: string, bytes: Buffer): Promise<Checkpoint> {
  const [head, ...entries] = await parse(bytes);
  const { segments } = requireForm(head);
  if (!Array.isArray(segments) || !segments.every((name) => typeof name === 'string')) throw new Error('it is damaged');
  return { id, segments, entries: entries.map(requireEntry) };
}

export function encodeSegment(entries: readonly Entry[]): Promise<Buffer> {
  return zip(lines([{ awssyncer: FORM }, ...entries]));
}

/** @throws Error if it is none */
export async function decodeSegment(bytes: Buffer): Promise<Entry[]> {
  const [head, ...entries] = await parse(bytes);
  requireForm(head);
  return entries.map(requireEntry);
}

function lines(values: readonly unknown[]): string {
  return `${values.map((value) => JSON.stringify(value)).join('\n')}\n`;
}

/** A gzip stream carries its own checksum, so that what is cut or damaged is not taken for less. */
async function parse(bytes: Buffer): Promise<unknown[]> {
  const text = (await unzip(bytes, { maxOutputLength: MAX_BYTES })).toString();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function requireForm(head: unknown): Record<string, unknown> {
  if (typeof head !== 'object' || head === null || !('awssyncer' in head)) throw new Error('it is damaged');
  if (head.awssyncer !== FORM) throw new Error('it is of a later awssyncer');
  return head;
}

function requireEntry(value: unknown): Entry {
  const isEntry = Array.isArray(value) && value.length >= 1 && value.length <= 3 && value.every(isText);
  if (!isEntry) throw new Error('it is damaged');
  return value as unknown as Entry;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
