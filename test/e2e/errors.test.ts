// What bad input gets: one clear line, a hint, the right exit code, never a stack trace, never a secret.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import type { Finished } from '../support/cli.ts';
import { cleanEnvironment, strictStage } from '../support/stage.ts';

interface Complaint {
  readonly code: number;
  readonly line: RegExp;
  readonly hint: RegExp;
}

/** One line that begins with our name, one with a hint, nothing else. */
function assertComplaint({ code, stdout, stderr }: Finished, expected: Complaint): void {
  assert.equal(code, expected.code, stderr);
  assert.equal(stdout, '');
  const [line = '', hint = '', ...rest] = stderr.split('\n');
  assert.deepEqual(rest, [''], stderr);
  assert.match(line, /^awssyncer: Cannot /);
  assert.match(line, expected.line);
  assert.match(hint, /^ {2}hint: \S/);
  assert.match(hint, expected.hint);
}

/** A web server that knows nothing of S3. */
async function webServer(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><html><body><p>Welcome!</body></html>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port on which nothing listens. */
async function deadEndpoint(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

// Several at a time: some causes may pass, and a start waits three seconds for that.
describe('S3 that cannot be used: exit 1', { concurrency: 4 }, () => {
  test('a bucket that does not exist, whatever the command', async (t) => {
    const { local, run } = await strictStage(t);
    const expected = { code: 1, line: /s3:\/\/missing.*there is no such bucket/, hint: /create the bucket/ };
    for (const command of ['run', 'watch', 'sync', 'verify'])
      assertComplaint(await run([command, local, 's3://missing/p']), expected);
    assertComplaint(await run(['restore', 's3://missing/p', local]), expected);
  });

  test('an endpoint that is no URL, or speaks no TLS', async (t) => {
    const { local, url, run, env, server } = await strictStage(t);
    const sync = ['sync', '--state-dir=none', local, url];
    const nonsense = await run(sync, { env: { ...env, AWS_ENDPOINT_URL: 'nonsense' } });
    assertComplaint(nonsense, { code: 1, line: /Invalid URL/, hint: /AWS_ENDPOINT_URL, .* must be a URL/ });
    const tls = { ...env, AWS_ENDPOINT_URL: server.endpoint.replace('http:', 'https:') };
    const plain = await run(sync, { env: tls });
    assertComplaint(plain, { code: 1, line: /wrong version number/, hint: /AWS_ENDPOINT_URL speaks TLS/ });
  });

  test('no credentials anywhere', async (t) => {
    const { dir, local, url, run, env } = await strictStage(t);
    const bare = {
      ...cleanEnvironment(join(dir, 'home')),
      AWS_ENDPOINT_URL: env['AWS_ENDPOINT_URL']!,
      AWSSYNCER_STATE_DIR: join(dir, 's'),
      AWSSYNCER_HTTP: 'off',
    };
    assertComplaint(await run(['sync', local, url], { env: bare }), {
      code: 1,
      line: /credentials/i,
      hint: /AWS_ACCESS_KEY_ID.*AWS_PROFILE/,
    });
  });

  test('a wrong secret, a wrong access key', async (t) => {
    const { local, url, run, env } = await strictStage(t);
    assertComplaint(await run(['sync', local, url], { env: { ...env, AWS_SECRET_ACCESS_KEY: 'something else' } }), {
      ...{ code: 1, line: /SignatureDoesNotMatch/, hint: /AWS_SECRET_ACCESS_KEY/ },
    });
    assertComplaint(await run(['sync', local, url], { env: { ...env, AWS_ACCESS_KEY_ID: 'SOMEBODYELSE' } }), {
      ...{ code: 1, line: /InvalidAccessKeyId/, hint: /AWS_ACCESS_KEY_ID/ },
    });
  });

  test('a wrong region: the right one is named', async (t) => {
    const { local, url, run } = await strictStage(t, { region: 'eu-central-1' });
    assertComplaint(await run(['sync', '--region', 'us-west-2', local, url]), {
      code: 1,
      line: /region/,
      hint: /--region or AWS_REGION to eu-central-1/,
    });
  });

  test('an endpoint where nothing listens', async (t) => {
    const { local, url, run } = await strictStage(t);
    const endpoint = await deadEndpoint();
    assertComplaint(await run(['sync', '--endpoint-url', endpoint, local, url]), {
      code: 1,
      line: /ECONNREFUSED/,
      hint: /--endpoint-url.*server is running/,
    });
  });

  test('an endpoint that is a web server and not S3', async (t) => {
    const { local, url, run } = await strictStage(t);
    const endpoint = await webServer(t);
    for (const command of ['watch', 'sync'])
      assertComplaint(await run([command, '--endpoint-url', endpoint, local, url]), {
        code: 1,
        line: /answer (cannot be understood|does not say)/,
        hint: /--endpoint-url/,
      });
  });

  test('a bucket that may not be listed', async (t) => {
    const { server, local, url, run } = await strictStage(t);
    server.faults.add({ operation: ['HeadBucket', 'ListObjectsV2'], effect: { kind: 'status', code: 'AccessDenied' } });
    assertComplaint(await run(['sync', local, url]), { code: 1, line: /AccessDenied/, hint: /s3:ListBucket/ });
  });
});

describe('LOCAL that cannot be used', () => {
  test('it is missing: exit 1', async (t) => {
    const { dir, url, run } = await strictStage(t);
    for (const command of ['watch', 'sync', 'verify'])
      assertComplaint(await run([command, join(dir, 'missing'), url]), {
        code: 1,
        line: /there is no such directory/,
        hint: /volume/,
      });
  });

  test('it is a file: exit 1', async (t) => {
    const { dir, url, run } = await strictStage(t);
    writeFileSync(join(dir, 'file'), '');
    for (const command of ['run', 'watch', 'sync', 'verify'])
      assertComplaint(await run([command, join(dir, 'file'), url]), {
        code: 1,
        line: /it is not a directory/,
        hint: /directory/,
      });
    assertComplaint(await run(['restore', url, join(dir, 'file')]), {
      code: 1,
      line: /it is not a directory/,
      hint: /directory/,
    });
  });

  test('S4 it is empty and S3 is not: sync ends with 4, watch deletes nothing', async (t) => {
    const { bucket, local, url, run, start, keys } = await strictStage(t);
    bucket.put('p/only copy', 'x');
    assertComplaint(await run(['sync', '--quiet', local, url]), {
      code: 4,
      line: /it is empty and S3 is not/,
      hint: /volume is mounted/,
    });
    const cli = start(['watch', '--delete-foreign', local, url]);
    await cli.waitForLine(/error: LOCAL cannot be trusted as the source/);
    cli.signal('SIGTERM');
    assert.equal((await cli.exited).code, 4);
    assert.deepEqual(keys(), ['only copy']);
  });
});

describe('a wrong command line: exit 2, without a request', () => {
  const rows: Record<string, { args: string[]; env?: Record<string, string>; line: RegExp; hint: RegExp }> = {
    'an unknown option': {
      args: ['watch', '--setle=1s', 'L', 'U'],
      line: /--setle: there is no such option/,
      hint: /Did you mean --settle/,
    },
    'an unknown command': { args: ['wacht', 'L', 'U'], line: /'wacht'/, hint: /Did you mean awssyncer watch/ },
    'an option of another command': {
      args: ['watch', '--dry-run', 'L', 'U'],
      line: /--dry-run with watch: it belongs to sync/,
      hint: /watch --help/,
    },
    'swapped sides': { args: ['sync', 'U', 'L'], line: /swapped/, hint: /Write awssyncer sync / },
    'a missing side': { args: ['sync', 'L'], line: /S3 URL is missing/, hint: /S3_BUCKET/ },
    'a misspelt variable': {
      args: ['sync', 'L', 'U'],
      env: { AWSSYNCER_SETLE: '1s' },
      line: /AWSSYNCER_SETLE/,
      hint: /Did you mean AWSSYNCER_SETTLE/,
    },
    'no command after --': { args: ['run', 'L', 'U', '--'], line: /a command must follow/, hint: /Usage/ },
    'state inside LOCAL': {
      args: ['sync', '--state-dir', 'L/state', 'L', 'U'],
      line: /it lies inside LOCAL/,
      hint: /--state-dir/,
    },
  };
  for (const [name, { args, env = {}, line, hint }] of Object.entries(rows)) {
    test(name, async (t) => {
      const stage = await strictStage(t);
      const filled = args.map((arg) => arg.replace(/^L\b/, stage.local).replace(/^U$/, stage.url));
      const ended = await stage.run(filled, { env: { ...stage.env, ...env } });
      assertComplaint(ended, { code: 2, line, hint });
      assert.equal(stage.server.countRequests(), 0);
      assert.deepEqual(readdirSync(stage.local), []);
    });
  }

  test('a bad value: the rule and the value are in the line', async (t) => {
    const { local, url, run } = await strictStage(t);
    const { code, stderr } = await run(['watch', '--settle', 'soon', local, url]);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^awssyncer: Cannot use --settle: it must be a duration such as .*, current value is 'soon'\n$/,
    );
  });
});

describe('state that cannot be used', () => {
  test('a newer ledger is left alone: exit 1', async (t) => {
    const { state, local, url, run, write } = await strictStage(t);
    write('a');
    assert.equal((await run(['sync', local, url])).code, 0);
    const file = join(state, 'ledger.sqlite');
    const db = new DatabaseSync(file);
    db.exec('PRAGMA journal_mode = DELETE; PRAGMA user_version = 9999');
    db.close();
    const before = readFileSync(file);
    assertComplaint(await run(['sync', local, url]), {
      code: 1,
      line: /schema version is 9999/,
      hint: /newer awssyncer/,
    });
    assert.deepEqual(readFileSync(file), before);
  });

  test('a corrupt ledger is set aside, rebuilt, and said so; nothing is uploaded again', async (t) => {
    const { server, state, local, url, run, write, keys, requests } = await strictStage(t);
    for (const name of ['a', 'b']) write(name);
    assert.equal((await run(['sync', local, url])).code, 0);
    writeFileSync(
      join(state, 'ledger.sqlite'),
      'this is no database, and it is long enough to be looked at'.repeat(20),
    );
    server.clearRequests();
    const { code, stderr } = await run(['sync', '--delete', local, url]);
    assert.equal(code, 0, stderr);
    const [, aside] = /warn: the ledger was corrupt, a new one is built setAside=(\S+)/.exec(stderr) ?? [];
    assert.ok(aside !== undefined && existsSync(aside), stderr);
    assert.deepEqual(requests().sort(), ['HeadBucket', 'HeadObject p/a', 'HeadObject p/b', 'ListObjectsV2']);
    assert.deepEqual(keys(), ['a', 'b']);
  });

  test('a state directory that cannot be made: exit 1', async (t) => {
    const { dir, local, url, run } = await strictStage(t);
    writeFileSync(join(dir, 'file'), '');
    assertComplaint(await run(['sync', '--state-dir', join(dir, 'file/state'), local, url]), {
      code: 1,
      line: /state directory .*file\/state/,
      hint: /--state-dir=none/,
    });
  });

  if (process.geteuid?.() === 0) {
    /** Root may write everywhere; nobody else may. */
    const within = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];

    test('a read-only state directory, and a home that is none: exit 1, and --state-dir=none goes without', async (t) => {
      const { dir, state, local, url, run, write, env, keys } = await strictStage(t);
      chmodSync(dir, 0o755);
      mkdirSync(state);
      write('a');
      assertComplaint(await run(['sync', local, url], { within }), {
        code: 1,
        line: new RegExp(`state directory ${state}`),
        hint: /--state-dir/,
      });
      const homeless: Record<string, string> = { ...env, HOME: '/nonexistent' };
      delete homeless['AWSSYNCER_STATE_DIR'];
      assertComplaint(await run(['sync', local, url], { within, env: homeless }), {
        code: 1,
        line: /state directory \/nonexistent\//,
        hint: /--state-dir=none/,
      });
      const without = await run(['sync', '--state-dir=none', local, url], { within });
      assert.equal(without.code, 0, without.stderr);
      assert.deepEqual(keys(), ['a']);
    });

    test('a file and a directory that cannot be read: reported once each, exit 3, nothing deleted, the rest arrives', async (t) => {
      const { dir, bucket, local, url, run, write, at, keys } = await strictStage(t);
      chmodSync(dir, 0o755);
      for (const name of ['fine', 'file', 'dir/inside']) write(name);
      assert.equal((await run(['sync', '--state-dir=none', local, url])).code, 0);
      write('fine', 'changed');
      chmodSync(at('file'), 0);
      chmodSync(at('dir'), 0);
      const { code, stderr } = await run(['sync', '--delete', '--state-dir=none', local, url], { within });
      assert.equal(code, 3, stderr);
      for (const name of ['file', 'dir'])
        assert.equal(
          stderr.split('\n').filter((line) => line.includes(` warn: cannot read ${name} `) && line.includes('EACCES'))
            .length,
          1,
          stderr,
        );
      assert.deepEqual(keys(), ['dir/inside', 'file', 'fine']);
      assert.equal(bucket.text('p/fine'), 'changed');
    });
  }
});

describe('S15 secrets', () => {
  test('never appear in what is printed or kept, with --log-level=debug, through errors of every kind', async (t) => {
    const secrets = {
      secretAccessKey: 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY',
      sessionToken: 'IQoJb3JpZ2luX2VjEXAMPLETOKEN',
    };
    const { server, state, local, url, run, start, write, env } = await strictStage(t, secrets);
    const outputs: string[] = [];
    const attempt = async (args: string[], change: Record<string, string> = {}): Promise<void> => {
      const { stdout, stderr } = await run([...args, '--log-level=debug'], { env: { ...env, ...change } });
      outputs.push(stdout, stderr);
    };
    write('a');
    write('refused');
    server.faults.add({
      ...{ operation: 'PutObject', key: /refused/, effect: { kind: 'status', code: 'AccessDenied' } },
    });
    server.faults.add({ operation: 'PutObject', times: 1, effect: { kind: 'reset', at: 'commit' } });
    await attempt(['sync', '--request-timeout=1s', '--json', local, url]);
    await attempt(['verify', local, url]);
    await attempt(['watch', local, url, `--settle=${secrets.sessionToken}`]);
    await attempt(['watch', local, url, '--settle', secrets.secretAccessKey]);
    const sync = ['sync', '--state-dir=none', local, url];
    const changes: Record<string, string>[] = [
      { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' },
      { AWS_SECRET_ACCESS_KEY: `${secrets.secretAccessKey}x` },
      { AWS_ENDPOINT_URL: await webServer(t) },
      { AWS_ENDPOINT_URL: await deadEndpoint() },
      { AWSSYNCER_LOG_FORMAT: 'json', AWS_SESSION_TOKEN: `${secrets.sessionToken}x` },
    ];
    await Promise.all(changes.map((change) => attempt(sync, change)));
    const cli = start(['watch', '--log-level=debug', local, url]);
    await cli.waitForLine(/ watching /);
    const argv = readFileSync(`/proc/${cli.pid}/cmdline`, 'utf8');
    cli.signal('SIGTERM');
    await cli.exited;
    outputs.push(argv, cli.output());
    for (const name of readdirSync(state, { recursive: true }) as string[])
      outputs.push(readFileSync(join(state, name), 'latin1'));
    const all = outputs.join('\n');
    assert.match(all, /watching/);
    for (const secret of [secrets.secretAccessKey, secrets.sessionToken, 'Signature=', 'AKIAIOSFODNN7EXAMPLE'])
      assert.ok(!all.includes(secret), `${secret} in ${all.split('\n').find((line) => line.includes(secret))}`);
  });

  test('the state directory is for its owner only', async (t) => {
    const { state, local, url, run, write } = await strictStage(t);
    write('a');
    assert.equal((await run(['sync', local, url])).code, 0);
    assert.equal(statSync(state).mode & 0o777, 0o700);
  });
});
