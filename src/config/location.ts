// Pure. Where the two sides are: LOCAL and s3://BUCKET[/PREFIX].
import { UsageError } from '../model/errors.ts';
import { MAX_PREFIX_BYTES } from '../model/key.ts';
import { path } from './kinds.ts';

/** The S3 side. */
export interface S3Location {
  readonly bucket: string;
  /** '' or text that ends in '/': what every key begins with. */
  readonly prefix: string;
}

const SCHEME = 's3://';

/** Whether this argument is meant to be the S3 side. */
export function isS3Url(text: string): boolean {
  return text.toLowerCase().startsWith(SCHEME);
}

/** The location as a URL. */
export function showS3Url(location: S3Location): string {
  return `${SCHEME}${location.bucket}/${location.prefix}`;
}

/**
 * Reads s3://BUCKET[/PREFIX]. A final '/' makes no difference: the prefix is a directory, never the start of a name.
 *
 * @param text what was given
 * @param source what messages call it, such as 'the S3 URL' or 'S3_BUCKET'
 * @throws UsageError when bucket or prefix break a rule of S3, or a key under the prefix could not be a path
 */
export function parseS3Url(text: string, source = 'the S3 URL'): S3Location {
  const [bucket = '', ...names] = text.slice(isS3Url(text) ? SCHEME.length : 0).split('/');
  const fail = (rule: string, hint?: string) =>
    new UsageError(`Cannot use ${source}: ${rule}, current value is '${text}'`, hint);
  // The rules of today, and the wider ones of 2018 and earlier that existing buckets and other servers still follow.
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/.test(bucket) || bucket.includes('..')) {
    throw fail(
      bucket === ''
        ? 'the bucket is missing'
        : "a bucket's name has at least 3 letters, digits, '.', '-' or '_', and begins and ends with a letter or digit",
      'Write s3://BUCKET or s3://BUCKET/PREFIX.',
    );
  }
  if (names.at(-1) === '') names.pop();
  for (const name of names) {
    if (name === '')
      throw fail(
        "the prefix must not hold an empty name ('//')",
        `Write s3://${bucket}/${names.filter(Boolean).join('/')}.`,
      );
    if (name === '.' || name === '..') throw fail(`the prefix must not hold the name '${name}'`);
  }
  const prefix = names.map((name) => `${name}/`).join('');
  if (!prefix.isWellFormed() || /[\x00-\x1f\x7f\ufffd-\uffff]/.test(prefix))
    throw fail('the prefix must be UTF-8 without control characters');
  const bytes = Buffer.byteLength(prefix);
  if (bytes > MAX_PREFIX_BYTES)
    throw fail(`the prefix has ${bytes} bytes, at most ${MAX_PREFIX_BYTES} leave room for keys beneath it`);
  return { bucket, prefix };
}

/**
 * Checks the text of LOCAL; whether there is such a directory is seen later.
 *
 * @throws UsageError when it cannot be a path
 */
export function parseLocal(text: string, source = 'LOCAL'): string {
  if (path.parse(text) === undefined) {
    throw new UsageError(`Cannot use ${source}: it must be ${path.rule}, current value is '${text}'`);
  }
  return text;
}
