import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandConfig, type ParsedCommand, parseCommandLine } from '../../src/config/config.ts';
import type { Command } from '../../src/config/option.ts';
import { EXIT, UsageError } from '../../src/model/errors.ts';

type Environment = Readonly<Record<string, string>>;

/** The config of one command line, written as a shell would split it at blanks. */
function parse<C extends Command>(command: C, line: string, env: Environment = {}): CommandConfig<C> {
  const parsed: ParsedCommand = parseCommandLine([command, ...line.split(' ').filter(Boolean)], env);
  assert.equal(parsed.command, command);
  return (parsed as unknown as { config: CommandConfig<C> }).config;
}

/** The message and hint that a command line earns, as one text. */
function refusal(line: string, env: Environment = {}): string {
  try {
    parseCommandLine(line.split(' ').filter(Boolean), env);
  } catch (error) {
    assert(error instanceof UsageError, String(error));
    assert.equal(error.exitCode, EXIT.usage);
    return `${error.message} / ${error.hint ?? ''}`;
  }
  assert.fail(`${line} was accepted`);
}

const SIDES = '/data s3://bucket/prefix';

test('options have the defaults of the table', () => {
  assert.deepEqual(parse('run', SIDES), {
    crossMounts: false,
    dirTimes: false,
    first: [],
    xattrs: false,
    hardLinks: false,
    sparse: false,
    coalesceMs: 50,
    settleMs: 1_000,
    maxWaitMs: 30_000,
    auditIntervalMs: 21_600_000,
    checkpointIntervalMs: 0,
    pollIntervalMs: 60_000,
    endpointUrl: undefined,
    region: undefined,
    profile: undefined,
    maxBandwidthBytes: undefined,
    forcePathStyle: undefined,
    concurrency: 64,
    partSizeBytes: 8_388_608,
    multipartThresholdBytes: 16_777_216,
    requestTimeoutMs: 60_000,
    requesterPays: false,
    expectedBucketOwner: undefined,
    contentType: undefined,
    cacheControl: undefined,
    metadata: undefined,
    storageClass: undefined,
    tagging: undefined,
    acl: undefined,
    encryption: undefined,
    kmsKeyId: undefined,
    customerKeyFile: undefined,
    deleteForeign: false,
    maxDelete: { count: 1_000, percent: 50 },
    stateDir: undefined,
    readyFile: undefined,
    snapshotTimeoutMs: 600_000,
    snapshotHooks: [],
    shutdownTimeoutMs: 25_000,
    lease: 'auto',
    leaseTtlMs: 30_000,
    leaseSteal: false,
    lingerMs: 0,
    commandGraceMs: 15_000,
    http: undefined,
    httpControl: undefined,
    logFormat: 'human',
    logLevel: 'info',
    local: '/data',
    remote: { bucket: 'bucket', prefix: 'prefix/' },
    filterRegex: undefined,
    syncExcludes: [],
    rules: [],
    program: undefined,
  } satisfies CommandConfig<'run'>);
});

test('a command has the options of its own only', () => {
  const config = parse('sync', `${SIDES} --delete --dry-run --json --retry-horizon 1m`);
  assert.equal(config.delete && config.dryRun && config.json, true);
  assert.equal(config.retryHorizonMs, 60_000);
  assert.equal('settleMs' in config, false);
  assert.equal('program' in config, false);
});

test('values follow a flag as =VALUE or as the next word; the last flag of a kind wins', () => {
  assert.equal(parse('watch', `--settle=2s ${SIDES}`).settleMs, 2_000);
  assert.equal(parse('watch', `--settle 2s ${SIDES} --settle 3s`).settleMs, 3_000);
  assert.equal(parse('sync', `${SIDES} --delete --delete=false`).delete, false);
});

test('a moment may begin with a dash, as the next word too; nothing else may', () => {
  const remote = 's3://bucket /data';
  assert.deepEqual(parse('restore', `--at -2h ${remote}`).at, { agoMs: 7_200_000 });
  assert.deepEqual(parse('restore', `--at=-2h ${remote}`).at, { agoMs: 7_200_000 });
  assert.match(refusal(`restore --at --json ${remote}`), /--at: it needs a value/);
  assert.match(refusal(`restore --region -2h ${remote}`), /--region: it needs a value/);
});

test('options may stand before the command', () => {
  const parsed = parseCommandLine(['--log-format', 'json', 'verify', '/data', 's3://bucket'], {});
  assert.equal(parsed.command === 'verify' && parsed.config.logFormat, 'json');
});

test('flags win over the environment, and an empty variable counts as unset', () => {
  const env = { AWSSYNCER_SETTLE: '5s', AWSSYNCER_CONCURRENCY: '', AWSSYNCER_DELETE_FOREIGN: 'true' };
  const config = parse('watch', `${SIDES} --settle 2s`, env);
  assert.deepEqual([config.settleMs, config.concurrency, config.deleteForeign], [2_000, 64, true]);
  assert.equal(parse('watch', SIDES, env).settleMs, 5_000);
});

test('--verbose and --quiet stand for a log level and take their place among its flags', () => {
  assert.equal(parse('watch', `${SIDES} --verbose`).logLevel, 'debug');
  assert.equal(parse('watch', `${SIDES} --quiet`).logLevel, 'warn');
  assert.equal(parse('watch', `${SIDES} --verbose --log-level error`).logLevel, 'error');
  assert.match(refusal(`watch ${SIDES} --quiet=no`), /--quiet: it takes no value/);
});

test('the grace of a command follows the shutdown timeout unless it is given', () => {
  assert.equal(parse('run', `${SIDES} --shutdown-timeout 60s`).commandGraceMs, 50_000);
  assert.equal(parse('run', `${SIDES} --shutdown-timeout 5s`).commandGraceMs, 2_500);
  assert.equal(parse('run', SIDES, { AWSSYNCER_COMMAND_GRACE: '3s' }).commandGraceMs, 3_000);
});

test('S16 --include and --exclude keep the order they are given in', () => {
  const { rules } = parse('sync', `--exclude *.tmp --include=keep.tmp ${SIDES} --exclude logs/`);
  assert.deepEqual(rules, [
    { include: false, glob: '*.tmp' },
    { include: true, glob: 'keep.tmp' },
    { include: false, glob: 'logs/' },
  ]);
});

test('hooks keep their order; a command may hold any character, a glob no equals sign', () => {
  const hook = (text: string) => `--snapshot-hook=${text}`;
  const argv = ['sync', '/data', 's3://bucket', hook('*.db=a=b "c" | d'), hook('x/=e'), hook('*.db=last')];
  const parsed = parseCommandLine(argv, { AWSSYNCER_SNAPSHOT_HOOK: 'unused=x' });
  assert.deepEqual(parsed.command === 'sync' && parsed.config.snapshotHooks, [
    { glob: '*.db', command: 'a=b "c" | d' },
    { glob: 'x/', command: 'e' },
    { glob: '*.db', command: 'last' },
  ]);
  const env = { AWSSYNCER_SNAPSHOT_HOOK: '*.db=a | b\n\n*.kv=c\n' };
  assert.deepEqual(parse('watch', SIDES, env).snapshotHooks, [
    { glob: '*.db', command: 'a | b' },
    { glob: '*.kv', command: 'c' },
  ]);
  assert.equal('snapshotHooks' in parse('restore', 's3://bucket /data'), false);
  for (const wrong of ['*.db', '*.db=', '*.db= ', '=x']) {
    assert.throws(
      () => parseCommandLine(['sync', '/data', 's3://bucket', hook(wrong)], {}),
      /snapshot-hook: it must be a glob/,
    );
  }
});

test('hooks need a place to make snapshots in, where they are run', () => {
  const env = { AWSSYNCER_SNAPSHOT_HOOK: '*.db=x' };
  assert.throws(() => parse('sync', `--state-dir none ${SIDES}`, env), /--snapshot-hook: it needs a state directory/);
  assert.equal(parse('verify', `--state-dir none ${SIDES}`, env).snapshotHooks.length, 1);
  assert.throws(() => parse('verify', `--repair --state-dir none ${SIDES}`, env), /--snapshot-hook: it needs/);
  assert.deepEqual(parse('sync', `--state-dir none ${SIDES}`).snapshotHooks, []);
});

test('S16 globs of the environment put includes last, and one flag replaces them all', () => {
  const env = { AWSSYNCER_INCLUDE: 'a.tmp', AWSSYNCER_EXCLUDE: '*.tmp|*.bak' };
  assert.deepEqual(
    parse('sync', SIDES, env).rules.map(({ include, glob }) => `${include ? '+' : '-'}${glob}`),
    ['-*.tmp', '-*.bak', '+a.tmp'],
  );
  assert.deepEqual(parse('sync', `${SIDES} --exclude b`, env).rules, [{ include: false, glob: 'b' }]);
  assert.match(refusal(`sync ${SIDES}`, { AWSSYNCER_EXCLUDE: 'a||b' }), /AWSSYNCER_EXCLUDE: it must be a glob/);
});

test('how S3 is to encrypt must make sense as a whole', () => {
  assert.equal(parse('sync', `${SIDES} --sse aws:kms --sse-kms-key-id k`).kmsKeyId, 'k');
  assert.equal(parse('sync', `${SIDES} --sse aws:kms:dsse --sse-kms-key-id k`).kmsKeyId, 'k');
  assert.match(refusal(`sync ${SIDES} --sse-kms-key-id k`), /--sse-kms-key-id: it needs --sse aws:kms, .* 'none'/);
  assert.match(refusal(`sync ${SIDES} --sse AES256 --sse-kms-key-id k`), /current value is 'AES256'/);
  assert.match(refusal(`sync ${SIDES} --sse AES256 --sse-c-key-file k`), /--sse-c-key-file with --sse/);
  assert.match(
    refusal(`restore ${SIDES.split(' ').reverse().join(' ')} --storage-class STANDARD`),
    /--storage-class with restore: it belongs to/,
  );
});

test('everything after -- belongs to the program, verbatim', () => {
  assert.deepEqual(parse('run', `${SIDES} -- server --settle x -- --help`).program, [
    'server',
    '--settle',
    'x',
    '--',
    '--help',
  ]);
  assert.deepEqual(parse('run', '-- server', { LOCAL_PATH: '/data', S3_BUCKET: 'bucket' }).program, ['server']);
  assert.match(refusal(`run ${SIDES} --`), /a command must follow/);
  assert.match(refusal(`watch ${SIDES} -- server`), /only run takes a command/);
  assert.match(refusal(`run ${SIDES} server`), /Put '--' in front/);
});

test('an unknown option is refused with the nearest one', () => {
  assert.match(refusal(`watch ${SIDES} --setle 5s`), /--setle: there is no such option \/ Did you mean --settle\?/);
  assert.match(refusal(`watch ${SIDES} --xyzzyxyzzy`), /--help lists/);
  assert.match(
    refusal(`watch ${SIDES} -x`),
    /Cannot use -x: there is no such option \/ awssyncer COMMAND --help lists/,
  );
  assert.match(refusal('--setle'), /Did you mean --settle/);
});

test('an option of another command is refused, its variable is not', () => {
  assert.match(refusal(`watch ${SIDES} --delete`), /Cannot use --delete with watch: it belongs to sync/);
  assert.equal(parse('watch', SIDES, { AWSSYNCER_DELETE: 'nonsense' }).local, '/data');
});

test('a variable that names no option is refused with the nearest one', () => {
  assert.match(
    refusal(`watch ${SIDES}`, { AWSSYNCER_SETLE: '5s' }),
    /AWSSYNCER_SETLE: no option.*Did you mean AWSSYNCER_SETTLE\?/,
  );
  assert.match(refusal(`watch ${SIDES}`, { AWSSYNCER_: '' }), /AWSSYNCER_:/);
});

test('variables that Kubernetes makes for a service called awssyncer are nobody\u2019s typing error', () => {
  const names = [
    'SERVICE_HOST',
    'SERVICE_PORT',
    'SERVICE_PORT_HTTP',
    'PORT',
    'PORT_80_TCP',
    'PORT_80_TCP_ADDR',
    'METRICS_PORT',
  ];
  const env = Object.fromEntries(names.map((name) => [`AWSSYNCER_${name}`, 'tcp://10.0.0.1:80']));
  assert.equal(parse('watch', SIDES, env).local, '/data');
});

test('a bad value is named with its source, its rule and what it is', () => {
  assert.match(
    refusal(`watch ${SIDES} --settle soon`),
    /Cannot use --settle: it must be a duration .*, current value is 'soon'/,
  );
  assert.match(
    refusal(`watch ${SIDES}`, { AWSSYNCER_PART_SIZE: '1k' }),
    /Cannot use AWSSYNCER_PART_SIZE: .*5MiB to 5GiB.*'1k'/,
  );
  assert.match(refusal(`watch ${SIDES} --settle`), /--settle: it needs a value/);
  assert.match(refusal(`watch ${SIDES} --settle --json`), /--settle: it needs a value.*--settle=VALUE/);
});

test('options that contradict each other are refused with both values', () => {
  const rows = [
    ['--coalesce 5s', /--coalesce 5s: it must not be more than --settle, current value is 1s/],
    [
      '--settle 1m',
      /--settle 1m: it must not be more than --max-wait, current value is 30s .*give --max-wait 1m or more/,
    ],
    ['--part-size 64MiB', /--part-size 64MiB: .* --multipart-threshold, current value is 16MiB/],
    ['--linger 26s', /--linger 26s: .* --shutdown-timeout, current value is 25s/],
  ] as const;
  for (const [line, message] of rows) assert.match(refusal(`watch ${SIDES} ${line}`), message);
  assert.match(refusal(`run ${SIDES} --command-grace 26s`), /--command-grace 26s: .*--shutdown-timeout/);
  assert.equal(parse('restore', 's3://bucket /data --part-size 64MiB').partSizeBytes, 67_108_864);
});

test('--first adds up in its order; flags replace the globs of its variable', () => {
  const env = { AWSSYNCER_FIRST: 'c|d/' };
  assert.deepEqual(parse('run', `--first b ${SIDES} --first=a|x`, env).first, ['b', 'a|x']);
  assert.deepEqual(parse('restore', 's3://bucket /data', env).first, ['c', 'd/']);
  assert.match(
    refusal(`run --first= ${SIDES}`),
    /^Cannot use --first: it must be a glob in UTF-8, current value is ''/,
  );
});

test('the URL of a restore may be that of an object if it has a key, and is if --object says so', () => {
  const names = (line: string, env = {}) => parse('restore', line, env).names;
  for (const url of ['s3://bucket', 's3://bucket/', 's3://bucket/a/', 's3://bucket/a/b/'])
    assert.equal(names(`${url} /data`), 'prefix');
  for (const url of ['s3://bucket/a', 'S3://bucket/a/b']) assert.equal(names(`${url} /data`), 'either');
  assert.equal(names('/data', { S3_BUCKET: 'bucket/prefix' }), 'prefix');
  assert.equal(names('--object s3://bucket/a /data'), 'object');
  for (const url of ['s3://bucket', 's3://bucket/', 's3://bucket/a/'])
    assert.match(
      refusal(`restore --object ${url} /data`),
      /^Cannot use --object: the S3 URL must be that of an object/,
    );
});

test('S9 what would replace files needs a place for them', () => {
  const line = 'restore s3://bucket /data --state-dir none --overwrite';
  for (const word of ['newer', 'always'])
    assert.match(
      refusal(`${line} ${word}`),
      /^Cannot use --overwrite \w+ with --state-dir none: what is replaced could/,
    );
  assert.equal(parse('restore', 's3://bucket /data --state-dir none --overwrite never').overwrite, 'never');
});

test('help and version come before every complaint about the rest', () => {
  const text = (argv: string[]) => {
    const parsed = parseCommandLine(argv, { AWSSYNCER_BOGUS: '1' });
    return parsed.command === 'help' ? parsed.text : parsed.command;
  };
  assert.match(text(['--help']), /^awssyncer keeps .*Commands:/s);
  assert.match(text(['watch', '--help']), /^awssyncer watch: /);
  assert.match(text(['help', 'verify']), /^awssyncer verify: /);
  assert.match(text(['run', '-h', 'x', 'y', 'z']), /^awssyncer run: /);
  assert.equal(text(['--version']), 'version');
});

test('a command is needed, and a misspelt one is refused with the nearest', () => {
  assert.match(refusal(''), /a command is needed/);
  assert.match(refusal('wacth /data s3://bucket'), /Did you mean awssyncer watch\?/);
  assert.match(refusal('frobnicate --help'), /'frobnicate': it must be one of run, restore, watch, sync, verify/);
});
