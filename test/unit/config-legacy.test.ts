import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from '../../src/config/config.ts';
import { legacyFilters, oneOffCommand } from '../../src/config/legacy.ts';
import { createFilter } from '../../src/filter/filter.ts';
import { UsageError } from '../../src/model/errors.ts';
import { pathFromText } from '../../src/model/path.ts';

const SIDES = { LOCAL_PATH: '/srv/data/', S3_BUCKET: 'bucket' };

test('FILTER_REGEX and SYNC_EXCLUDES are read as the original read them, empty as unset', () => {
  assert.deepEqual(legacyFilters({ FILTER_REGEX: '', SYNC_EXCLUDES: '' }), {
    filterRegex: undefined,
    syncExcludes: [],
  });
  assert.deepEqual(legacyFilters({ FILTER_REGEX: '/tmp/', SYNC_EXCLUDES: '*.jpg|*.mp3' }), {
    filterRegex: '/tmp/',
    syncExcludes: ['*.jpg', '*.mp3'],
  });
});

test('without arguments and with both sides in the environment it watches, as the original did', () => {
  assert.equal(parseCommandLine([], SIDES).command, 'watch');
  assert.throws(() => parseCommandLine([], { S3_BUCKET: 'bucket' }), UsageError);
});

test('the one-off copy of an object is a restore of that object', () => {
  const argv = oneOffCommand({
    ...SIDES,
    S3_OBJECT: 'backups/db[1]*.tgz',
    S3_ARGS: '--only-show-errors --region=eu-west-1',
  });
  assert.deepEqual(argv, [
    'restore',
    '--state-dir=none',
    '--log-level=error',
    '--region=eu-west-1',
    '--object',
    's3://bucket/backups/db[1]*.tgz',
  ]);
  const parsed = parseCommandLine(['oneoffcopy'], { ...SIDES, S3_OBJECT: 'backups/db.tgz' });
  assert.ok(parsed.command === 'restore');
  assert.deepEqual([parsed.config.local, parsed.config.names], ['/srv/data/', 'object']);
});

test('the one-off copy with --recursive is a restore of everything beneath the object', () => {
  const line = (env: Record<string, string>) => oneOffCommand({ ...SIDES, S3_ARGS: '--recursive', ...env }).slice(2);
  assert.deepEqual(line({ S3_OBJECT: 'backups/daily' }), ['s3://bucket/backups/daily/']);
  assert.deepEqual(line({ S3_OBJECT: '' }), ['s3://bucket/']);
  assert.deepEqual(line({ S3_BUCKET: 'bucket/prefix', S3_OBJECT: '/a/' }), ['s3://bucket/prefix/a/']);
});

test('what `aws s3 cp` understands and awssyncer does not is refused by name', () => {
  const refused = (S3_ARGS: string, message: RegExp, S3_OBJECT = 'a') =>
    assert.throws(
      () => oneOffCommand({ ...SIDES, S3_OBJECT, S3_ARGS }),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  refused('--recursive --sse AES256', /'--sse' in S3_ARGS/);
  refused('--dryrun', /'--dryrun'/);
  refused('--quiet=yes', /'--quiet=yes'/);
  refused('constructor', /'constructor'/);
  refused('--region', /--region in S3_ARGS: it needs a value/);
  refused("--exclude '*.jpg", /a quote is not closed/);
  refused('--exclude *.jpg', /need --recursive/);
  refused('--recursive --exclude ********', /at most 4 stars/);
  refused('', /S3_OBJECT: it must be the key of one object/, 'backups/');
  assert.throws(() => oneOffCommand({ S3_OBJECT: 'a' }), /S3_BUCKET/);
});

test('globs of S3_ARGS cross slashes and keep their order, quoted or not', () => {
  const env = { ...SIDES, S3_OBJECT: 'a', S3_ARGS: `--recursive --exclude "*" --include 'logs/*.txt' --include img*` };
  const parsed = parseCommandLine(['oneoffcopy'], env);
  assert(parsed.command === 'restore');
  const filter = createFilter({ rules: parsed.config.rules, rootForRegex: '/srv/data' });
  const kept = ['logs/a.txt', 'logs/x/y/a.txt', 'logs/a.log', 'x/logs/a.txt', 'img', 'img1/x', 'x/img1'].filter(
    (path) => filter.includes(pathFromText(path), false),
  );
  assert.deepEqual(kept, ['logs/a.txt', 'logs/x/y/a.txt', 'img', 'img1/x']);
});
