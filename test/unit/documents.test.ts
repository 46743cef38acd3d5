// What the documents tell people to type is understood, and README.md stays one screen.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCommandLine } from '../../src/config/config.ts';
import { readConfigFile } from '../../src/config/config-file.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCUMENTS = ['README.md', ...globSync('src/*.md', { cwd: ROOT }).sort()];
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The command lines of awssyncer in the examples for a shell. */
function commandsOf(text: string): string[] {
  const examples = [...text.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)].map(([, , shown]) => shown!);
  return examples.flatMap((shown) =>
    shown
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => /^(?:\.\/scripts\/)?awssyncer /.test(line)),
  );
}

/** The words of a line, as a shell takes them apart; a comment ends it. */
function wordsOf(line: string): string[] {
  const pieces = line.replace(/ #.*/, '').matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g);
  return [...pieces].map(([piece]) => piece.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

for (const path of DOCUMENTS) {
  for (const line of commandsOf(read(path))) {
    test(`${path}: ${line}`, () => {
      const [, ...argv] = wordsOf(line);
      assert.equal(parseCommandLine(argv, {}).command, argv[0]);
    });
  }
}

test('the file of several directories in GUIDE.md is one', () => {
  const [, shown] = /^## Several directories in one agent\n[\s\S]*?```yaml\n([\s\S]*?)```/m.exec(read('src/GUIDE.md'))!;
  const directories = readConfigFile(shown!, { file: 'GUIDE.md', env: {} });
  assert.deepEqual(
    directories.map(({ name, command }) => [name, command]),
    [
      ['game', 'run'],
      ['docs', 'watch'],
    ],
  );
});

test('README.md stays one screen', () => {
  const lines = read('README.md').split('\n');
  assert.ok(lines.length <= 90, `${lines.length} lines`);
  for (const path of DOCUMENTS.slice(1)) assert.ok(lines.join('\n').includes(`(${path})`), `no link to ${path}`);
});
