import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDocs, regenerate } from '../../scripts/checks/docs.ts';
import { checkHygiene } from '../../scripts/checks/hygiene.ts';
import { checkLayers } from '../../scripts/checks/layers.ts';
import { checkLinks } from '../../scripts/checks/links.ts';
import { checkPurity } from '../../scripts/checks/purity.ts';
import { checkRelease } from '../../scripts/checks/release.ts';
import { codeOf, type Finding, importsOf, type Source } from '../../scripts/checks/source.ts';

const file = (path: string, ...lines: string[]): Source => ({ path, text: `${lines.join('\n')}\n` });
const messages = (findings: Finding[]) => findings.map(({ message }) => message);

test('imports are found in every form they are written in', () => {
  const source = file(
    'src/plan/a.ts',
    "import { b, type B, c as d } from '../model/b.ts';",
    'import type {',
    '  E,',
    "} from './e.ts';",
    "export * from './f.ts';",
    "import 'node:fs';",
    "// import '../agent/comment.ts';",
    "const g = await import('../agent/g.ts');",
  );
  assert.deepEqual(
    importsOf(source).map(({ target, names, typeOnly }) => [target, names.join(' '), typeOnly]),
    [
      ['src/model/b.ts', 'b c', false],
      ['src/plan/e.ts', 'E', true],
      ['src/plan/f.ts', '', false],
      ['node:fs', '', false],
      ['src/agent/g.ts', '', false],
    ],
  );
});

test('code is what remains without comments and strings', () => {
  assert.equal(codeOf("a /* process.exit */ + 'it\\'s // b' // c"), "a  + '' ");
});

for (const [from, to, verdict] of [
  ['src/plan/a.ts', '../model/path.ts', undefined],
  ['src/plan/a.ts', '../ledger/ledger.ts', undefined],
  ['src/plan/a.ts', './b.ts', undefined],
  ['src/store/object-store.ts', './errors.ts', undefined],
  ['src/store/errors.ts', '../ledger/ledger.ts', /sideways/],
  ['src/agent/a.ts', '../ops/log.ts', undefined],
  ['src/main.ts', './cli/main.ts', undefined],
  ['src/model/a.ts', '../plan/b.ts', /upwards/],
  ['src/store/object-store.ts', './s3-client.ts', /upwards/],
  ['src/transfer/a.ts', '../store/s3-client.ts', /sideways/],
  ['src/agent/a.ts', '../cli/run.ts', /upwards/],
  ['src/cli/a.ts', '../../test/support/b.ts', /outside src/],
  ['src/cli/a.ts', '../nowhere/b.ts', /there is no layer/],
  ['src/plan/a.ts', 'node:sqlite', /only src\/ledger\/ may/],
  ['src/agent/a.ts', '@aws-sdk/client-s3', /only src\/store\/ may/],
] as const) {
  test(`layers: ${from} ${verdict === undefined ? 'may' : 'may not'} import ${to}`, () => {
    const found = messages(checkLayers([file(from, `import type { X } from '${to}';`)]));
    if (verdict === undefined) assert.deepEqual(found, []);
    else assert.match(found.join(), verdict);
  });
}

test('layers: a folder that is in no layer is found', () => {
  assert.match(messages(checkLayers([file('src/new/a.ts')])).join(), /in no layer/);
});

for (const [what, line] of [
  ['a timer', 'setTimeout(retry, 10);'],
  ['the clock', 'const now = Date.now();'],
  ['the clock', 'const now = new Date();'],
  ['randomness', 'const jitter = Math.random();'],
  ['process', 'const { HOME } = process.env;'],
  ['the console', "console.log('x');"],
  ['the network', "await fetch('http://example.com');"],
  ['which is not pure', "import { open } from './impure.ts';"],
  ['which may not be pure', "import { readFileSync } from 'node:fs';"],
  ['which may not be pure', "import { createHash, randomBytes } from 'node:crypto';"],
  ['which may not be pure', "import * as crypto from 'node:crypto';"],
  ['which may not be pure', "import { S3Client } from '@aws-sdk/client-s3';"],
] as const) {
  test(`purity: a pure file may not hold ${line}`, () => {
    const found = checkPurity([file('src/dirt/a.ts', '// Pure. A.', line), file('src/dirt/impure.ts', '// Impure.')]);
    assert.equal(found.length, 1);
    assert.ok(found[0]?.message.includes(what), found[0]?.message);
  });
}

for (const line of [
  '// setTimeout is the caller\u2019s business',
  "const hint = 'see process.env and Date.now()';",
  'const later = new Date(nowMs);',
  "import type { Readable } from 'node:stream';",
  "import { createHash } from 'node:crypto';",
  "import { heap } from './pure.ts';",
  "import type { Store } from './impure.ts';",
]) {
  test(`purity: a pure file may hold ${line}`, () => {
    const others = [file('src/dirt/pure.ts', '// Pure. B.'), file('src/dirt/impure.ts', '// Impure.')];
    assert.deepEqual(checkPurity([file('src/dirt/a.ts', '// Pure. A.', line), ...others]), []);
  });
}

test('purity: every file of the model says that it is pure', () => {
  assert.equal(checkPurity([file('src/model/a.ts', '// A.')]).length, 1);
});

for (const [path, line] of [
  ['src/store/a.ts', 'const key = process.env.KEY;'],
  ['src/cli/a.ts', 'process.exit(1);'],
  ['test/unit/a.test.ts', `test.${'only'}('x', () => {});`],
  ['test/unit/a.test.ts', `test('x', { ${'skip'}: true }, () => {});`],
  ['src/store/a.ts', `// ${'TO'}DO: later`],
  ['README.md', `Clone it to /${'home'}/someone/awssyncer`],
  ['scripts/a.mjs', `cd /${'work'}/main`],
  ['package-lock.json', `  "${'resolved'}": "https://example.com/a.tgz"`],
] as const) {
  test(`hygiene: ${path} may not hold ${line}`, () => {
    assert.deepEqual(
      checkHygiene([file(path, 'const ok = 1;', line)]).map((finding) => finding.path),
      [`${path}:2`],
    );
  });
}

test('hygiene: process.exit in a comment or string is no breach, and main.ts may call it', () => {
  assert.deepEqual(checkHygiene([file('src/cli/a.ts', "// process.exit\nconst a = 'process.exit';")]), []);
  assert.deepEqual(checkHygiene([file('src/main.ts', 'process.exit(1);')]), []);
});

test('hygiene: a file of 400 lines is long enough', () => {
  assert.equal(checkHygiene([file('src/a.ts', ...Array(400).fill('x'))]).length, 0);
  assert.equal(checkHygiene([file('src/a.ts', ...Array(401).fill('x'))]).length, 1);
});

test('docs: a missing block, an old block and an old file are found, and written anew', () => {
  const stale =
    '# A\n<!-- options:begin -->\nold\n<!-- options:end -->\n<!-- exit-codes:begin -->\n<!-- exit-codes:end -->\nend\n';
  const document = 'src/REFERENCE.md';
  const found = (text: string) => checkDocs([{ path: document, text }]).filter(({ path }) => path === document);
  assert.match(messages(found('# A')).join(), /no block <!-- options:begin -->/);
  assert.match(messages(found(stale)).join(), /does not say what the code says/);
  const fresh = regenerate(document, stale);
  assert.match(
    fresh,
    /^# A\n<!-- options:begin -->\n\| Option [\s\S]*--max-wait[\s\S]*<!-- exit-codes:end -->\nend\n$/,
  );
  assert.deepEqual(found(fresh), []);

  const path = 'docker/grafana/awssyncer.json';
  const isStale = (text: string) => checkDocs([{ path, text }]).some((finding) => finding.path === path);
  assert.deepEqual([isStale('{}'), isStale(regenerate(path, '{}'))], [true, false]);
  const guide = regenerate('src/OPERATIONS.md', '<!-- metrics:begin -->\n<!-- metrics:end -->\n');
  assert.match(guide, /^\| `awssyncer_requests_total\{operation, result, code\}` \| counter \| /m);
});

const LINKED = [
  file('src/A.md', '# One two', '## `--delete`: it, (and) more', '## Twice', '## Twice', '<a id="by-hand"></a>'),
  file('src/sub/a.ts'),
  file('top.md', '# Top'),
];

for (const link of [
  'src/A.md',
  'src/A.md#one-two',
  'src/A.md#--delete-it-and-more',
  'src/A.md#twice-1',
  'src/A.md#by-hand',
  'src/sub',
  'src/sub/',
  'src/sub/a.ts',
  '#read-me',
  'https://example.com/none#none',
]) {
  test(`links: ${link} leads somewhere`, () => {
    assert.deepEqual(checkLinks([file('README.md', '# Read me', `See [it](${link}).`), ...LINKED]), []);
  });
}

test('links: what is in code is no link, what leads up is', () => {
  const code = file('README.md', '`[a](none.md)`', '```sh', '[b](none.md)', '```');
  assert.deepEqual(checkLinks([code, file('src/B.md', '[up](../top.md#top), [beside](A.md)'), ...LINKED]), []);
});

for (const [link, message] of [
  ['src/B.md', 'links to src/B.md, which is not there'],
  ['src/A.md#three', 'links to src/A.md#three: there is no such heading'],
  ['src/A.md#twice-2', 'links to src/A.md#twice-2: there is no such heading'],
  ['src/sub/a.ts#one', 'links to src/sub/a.ts#one: there is no such heading'],
  ['#none', 'links to #none: there is no such heading'],
] as const) {
  test(`links: ${link} does not`, () => {
    const found = checkLinks([file('README.md', '# Read me', `See [it](${link}).`), ...LINKED]);
    assert.deepEqual(found, [{ path: 'README.md', message }]);
  });
}
test('release: a version of SemVer, the same in the lock file and with a section in the changelog; nothing to install', () => {
  const wrong = ({ version = '1.2.3', locked = '', changelog = '## [1.2.3] - 2026-01-31', more = {} }): string[] =>
    checkRelease([
      file('package.json', JSON.stringify({ version, ...more })),
      file('package-lock.json', JSON.stringify({ version: locked || version })),
      file('CHANGELOG.md', '# Changelog', changelog, '- text'),
    ]).map(({ path }) => path);
  for (const version of ['1.2.3', '0.1.0', '1.0.0-rc.1', '1.0.0-0a']) {
    assert.deepEqual(wrong({ version, changelog: `## [${version}] - 2026-01-31` }), [], version);
  }
  for (const version of ['1.2', 'v1.2.3', '1.02.3', '1.2.3-01', '1.2.3+x', '1.2.3 ']) {
    assert.deepEqual(wrong({ version, changelog: '## [Unreleased]' }), ['package.json'], version);
  }
  assert.deepEqual(wrong({ locked: '1.2.2' }), ['package-lock.json']);
  assert.deepEqual(wrong({ changelog: '## [Unreleased]' }), []);
  for (const changelog of ['## [1.2.2] - 2026-01-31', '## [1.2.3]', '1.2.3']) {
    assert.deepEqual(wrong({ changelog }), ['CHANGELOG.md'], changelog);
  }
  assert.deepEqual(wrong({ more: { dependencies: {} } }), ['package.json']);
});
