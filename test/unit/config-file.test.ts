// What the file of `awssyncer agent` means, and what is said of one with a mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DirectoryConfig, readConfigFile } from '../../src/config/config-file.ts';
import { UsageError } from '../../src/model/errors.ts';

type Environment = Readonly<Record<string, string>>;

const read = (text: string, env: Environment = {}): DirectoryConfig[] => readConfigFile(text, { file: 'f.yaml', env });

function refusal(text: string, env: Environment = {}): string {
  try {
    read(text, env);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error.hint === undefined ? error.message : `${error.message} / ${error.hint}`;
  }
  assert.fail(`it was accepted:\n${text}`);
}

/** A file of one directory with these lines besides. */
const one = (...lines: string[]): string =>
  ['directories:', '  - local: /srv/a', '    url: s3://bucket/a', ...lines.map((line) => `    ${line}`)].join('\n');

test('a directory is what a command line of its own would make it', () => {
  const [game, wiki] = read(`
    # YAML, with all that belongs to it
    defaults: &common
      settle: 2s
      concurrency: 8
      exclude: ['*.tmp']
    directories:
      - local: /srv/game/
        url: s3://backups/game
        settle: 3s
        include: [keep.tmp]
        exclude: /cache/
        xattrs: true
        max-delete: 10,5%
        metadata: a=b,c=d
      - { name: docs, local: /srv/wiki, url: S3://backups/wiki, command: watch, linger: 5, storage-class: STANDARD_IA }
  `);
  assert.ok(game?.command === 'run' && wiki?.command === 'watch');
  assert.deepEqual([game.name, wiki.name], ['game', 'docs']);
  assert.deepEqual([game.config.local, game.config.remote], ['/srv/game/', { bucket: 'backups', prefix: 'game/' }]);
  assert.deepEqual([game.config.settleMs, game.config.concurrency, game.config.xattrs], [3_000, 8, true]);
  assert.deepEqual(game.config.rules, [
    { include: false, glob: '*.tmp' },
    { include: true, glob: 'keep.tmp' },
    { include: false, glob: '/cache/' },
  ]);
  assert.deepEqual(game.config.maxDelete, { count: 10, percent: 5 });
  assert.deepEqual(
    [wiki.config.settleMs, wiki.config.lingerMs, wiki.config.storageClass],
    [2_000, 5_000, 'STANDARD_IA'],
  );
  assert.equal(game.config.http, 'off');
});

test('JSON is read as well; numbers, quotes and aliases as they are written', () => {
  const [a] = read('{"directories":[{"local":"/srv/a","url":"s3://bucket/a","settle":1.5,"concurrency":"8"}]}');
  assert.deepEqual([a!.config.settleMs, a!.config.concurrency], [1_500, 8]);
  const [b] = read(`${one('region: &r eu-west-1', 'profile: *r')}`);
  assert.deepEqual([b!.config.region, b!.config.profile], ['eu-west-1', 'eu-west-1']);
});

test('the environment fills in what the file leaves out, but for what is one of the process', () => {
  const env = { AWSSYNCER_SETTLE: '4s', AWSSYNCER_EXCLUDE: 'a|b', AWSSYNCER_HTTP: '8080', FILTER_REGEX: 'x' };
  const [a] = read(one(), env);
  assert.deepEqual([a!.config.settleMs, a!.config.http, a!.config.filterRegex], [4_000, 'off', 'x']);
  assert.equal(a!.config.rules.length, 2);
  assert.equal(read(one('settle: 1s'), env)[0]!.config.settleMs, 1_000);
});

test('a default that one kind of directory does not know is not for it', () => {
  const [watched, run] = read(`
    defaults: { sparse: true }
    directories:
      - { local: /a, url: 's3://bucket/a', command: watch }
      - { local: /b, url: 's3://bucket/b' }
  `);
  assert.equal('sparse' in watched!.config, false);
  assert.ok(run?.command === 'run' && run.config.sparse);
});

const TWO = (first: string, second: string): string => `directories:\n  - { ${first} }\n  - { ${second} }`;

const MISTAKES: readonly (readonly [text: string, said: RegExp])[] = [
  ['', /^Cannot use f\.yaml: the file must hold defaults, directories$/],
  ['[]', /^Cannot use f\.yaml:1: the file must hold/],
  ['a: [', /^Cannot use f\.yaml:1: /],
  ['a: 1\na: 2', /^Cannot use f\.yaml:2: Map keys must be unique$/],
  ['defaults: {}', /it must name at least one directory, there is none \/ Write directories: /],
  ['directories: []', /it must name at least one directory/],
  ['directories:', /f\.yaml:1: directories needs a value, there is none$/],
  ['directories: 5', /f\.yaml:1: directories must be a list$/],
  ['directories: [null]', /f\.yaml:1: directories holds an empty item$/],
  ['directories: [/srv/a]', /f\.yaml:1: a directory must hold name, local, url, command, \.\.\.$/],
  ['sites: []', /f\.yaml:1: the file has no 'sites'/],
  ['default: {}', /f\.yaml:1: the file has no 'default' \/ Did you mean defaults\?/],
  ['defaults: { local: /a }', /f\.yaml:1: defaults has no 'local'/],
  ['defaults: { delete: true }', /f\.yaml:1: defaults has no 'delete'/],
  [one('maxDelete: 5'), /f\.yaml:4: a directory has no 'maxDelete' \/ Did you mean max-delete\?/],
  [one('http: off'), /f\.yaml:4: http is one of the whole agent \/ Give --http on the command line\./],
  [one('log-level: debug'), /f\.yaml:4: log-level is one of the whole agent/],
  [one('settle: soon'), /^Cannot use f\.yaml:4: settle: it must be a duration .*, current value is 'soon'$/],
  [one('settle:'), /f\.yaml:4: settle needs a value, there is none$/],
  [one('settle: ~'), /f\.yaml:4: settle needs a value, there is none$/],
  [one('settle: [1s]'), /f\.yaml:4: settle takes one value, this is a list$/],
  [one('settle: { a: b }'), /f\.yaml:4: settle must be one value$/],
  [one('exclude: [a, [b]]'), /f\.yaml:4: exclude must be one value$/],
  [one('xattrs: maybe'), /f\.yaml:4: xattrs: it must be .*, current value is 'maybe'$/],
  [one('', 'coalesce: 5s'), /^f\.yaml:2: Cannot use --coalesce 5s: .* \/ Lower --coalesce/],
  [one('command: sync'), /f\.yaml:4: command must be run or watch, current value is 'sync'$/],
  [one('command: watch', 'sparse: true'), /^Cannot use f\.yaml:5: sparse with watch: it belongs to run and restore/],
  [one('name: a/b'), /f\.yaml:4: a name has letters, .*, current value is 'a\/b'$/],
  [one('<<: { settle: 1s }'), /f\.yaml:4: a directory has no '<<'/],
  ['directories: [{ local: /, url: "s3://b/c" }]', /a name has letters.* \/ Without one it is the last part of local/],
  ['directories: [{ url: "s3://bucket" }]', /f\.yaml:1: local must be an absolute path, it is missing$/],
  ['directories: [{ local: a, url: "s3://bucket" }]', /local must be an absolute path, current value is 'a'$/],
  ['directories: [{ local: /a }]', /url must be an S3 URL, s3:\/\/BUCKET\[\/PREFIX\], it is missing$/],
  ['directories: [{ local: /a, url: bucket }]', /url must be an S3 URL.*, current value is 'bucket'$/],
  ['directories: [{ local: /a, url: "s3://x" }]', /^f\.yaml:1: Cannot use the S3 URL: a bucket's name has at least 3/],
  [
    TWO('local: /x/a, url: s3://bucket/a', 'local: /y/a, url: s3://bucket/b'),
    /f\.yaml:3 beside f\.yaml:2: both are called a/,
  ],
  [
    TWO('local: /a, url: s3://bucket/a', 'local: /b, url: s3://bucket/a/b'),
    /f\.yaml:3 beside f\.yaml:2: .* within the other$/,
  ],
  [TWO('local: /a, url: s3://bucket', 'local: /b, url: s3://bucket/b'), /within the other$/],
  [
    TWO('local: /a, url: s3://bucket/a', 'local: /a/b/, url: s3://bucket/b'),
    /f\.yaml:3 beside f\.yaml:2: .*: both can only be watched/,
  ],
  [
    TWO('local: /a, url: s3://bucket/a, state-dir: /s', 'local: /b, url: s3://bucket/b, state-dir: /s'),
    /both have the state directory \/s$/,
  ],
  [
    TWO('local: /a, url: s3://bucket/a, state-dir: /s/', 'local: /b, url: s3://bucket/b, state-dir: /x/../s'),
    /both have the state directory \/s$/,
  ],
  [TWO('local: /a, url: s3://bucket/a', 'local: /a/b, url: s3://bucket/b, command: watch'), /both can only be watched/],
  [
    TWO('local: /a, url: s3://bucket/a, state-dir: /b/state', 'local: /b/, url: s3://bucket/b'),
    /the state directory \/b\/state is within \/b\/$/,
  ],
  [
    TWO('local: /a, url: s3://bucket/a, ready-file: /./r', 'local: /b, url: s3://bucket/b, ready-file: //r'),
    /both have the ready file \/r$/,
  ],
  [
    TWO('local: /a, url: s3://bucket/a, ready-file: /r', 'local: /b, url: s3://bucket/b, ready-file: /r'),
    /both have the ready file \/r$/,
  ],
];

for (const [text, said] of MISTAKES) {
  test(`refused: ${JSON.stringify(text)}`, () => assert.match(refusal(text), said));
}

test('what the environment says of all is refused where it can be of one only', () => {
  const two = TWO('local: /a, url: s3://bucket/a', 'local: /b, url: s3://bucket/b');
  assert.match(refusal(two, { AWSSYNCER_STATE_DIR: '/s' }), /both have the state directory \/s$/);
  assert.match(refusal(one(), { AWSSYNCER_SETTLE: 'x' }), /^f\.yaml:2: Cannot use AWSSYNCER_SETTLE/);
});

test('one endpoint is one, in whatever spelling it is said, or by the environment', () => {
  const two = (endpoint: string) =>
    TWO('local: /a, url: s3://bucket/a', `local: /b, url: s3://bucket/a/b, endpoint-url: "${endpoint}"`);
  const env = { AWS_ENDPOINT_URL: 'http://Server:80' };
  for (const endpoint of ['http://server', 'http://server/'])
    assert.match(refusal(two(endpoint), env), /within the other$/);
  assert.equal(read(two('http://server'), { ...env, AWS_ENDPOINT_URL_S3: 'http://other' }).length, 2);
  assert.equal(read(two('https://server'), env).length, 2);
});

test('what looks alike but is apart is accepted', () => {
  const all = [
    TWO('local: /a, url: s3://bucket/a', 'local: /ab, url: s3://bucket/ab'),
    TWO('local: /a, url: s3://bucket/a', 'local: /b, url: s3://other/a'),
    TWO('local: /a, url: s3://bucket/a', 'local: /b, url: s3://bucket/a, endpoint-url: "http://x"'),
    TWO('local: /a, url: s3://bucket/a, command: watch', 'local: /a, name: copy, url: s3://copy/a, command: watch'),
    TWO('local: /a, url: s3://bucket/a, state-dir: none', 'local: /b, url: s3://bucket/b, state-dir: none'),
  ];
  for (const text of all) assert.equal(read(text).length, 2, text);
});
