import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolvePlaces } from '../../src/agent/places.ts';
import { UsageError } from '../../src/model/errors.ts';

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'places-')));
mkdirSync(join(cwd, 'data/sub'), { recursive: true });
symlinkSync('data', join(cwd, 'link'));
test.after(() => rmSync(cwd, { recursive: true }));

test('LOCAL is resolved against the working directory and through links, and also kept as given', () => {
  assert.deepEqual(resolvePlaces({ local: 'link/' }, cwd), {
    local: join(cwd, 'data'),
    localAsGiven: join(cwd, 'link'),
    readyFile: undefined,
    readyPath: undefined,
  });
  assert.equal(resolvePlaces({ local: 'link/new/dir' }, cwd).local, join(cwd, 'data/new/dir'));
});

test('a ready file beneath LOCAL is a path of the tree, whatever links lead to it', () => {
  const readyPath = (local: string, readyFile: string) => resolvePlaces({ local, readyFile }, cwd).readyPath;
  assert.equal(readyPath('data', 'link/.volume_ready'), '.volume_ready');
  assert.equal(readyPath('link', 'data/sub/ready'), 'sub/ready');
  assert.equal(readyPath('data', 'ready'), undefined);
  assert.equal(readyPath('data/sub', 'data/subway'), undefined);
  assert.equal(readyPath('new', 'new/ready'), 'ready');
  assert.equal(readyPath('/', 'data/ready'), join(cwd, 'data/ready').slice(1));
});

test('a ready file that could not be created is refused', () => {
  const refused = (readyFile: string, message: RegExp) =>
    assert.throws(
      () => resolvePlaces({ local: 'data', readyFile }, cwd),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  refused('nowhere/ready', /its directory must exist/);
  refused('data/nowhere/ready', /its directory must exist/);
  refused('data', /it must be a file/);
  refused('data/sub', /it must be a file/);
});
