// Credentials that are rotated while the agent runs, wherever the SDK gets them from; and sources that are late.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Credentials } from '../strict-s3/identities.ts';
import {
  type CredentialSource,
  containerMetadata,
  credentialProcess,
  credentialsFile,
  instanceMetadata,
  webIdentity,
} from '../support/credential-sources.ts';
import { cleanEnvironment, type StrictStage, strictStage } from '../support/stage.ts';

/** The n-th credentials of a role; each is long enough to be recognised anywhere. */
function credentialsOf(n: number): Credentials {
  return {
    accessKeyId: `ASIAROTATED${n}EXAMPLE`,
    secretAccessKey: `secret-access-key-of-rotation-${n}`,
    sessionToken: `session-token-of-rotation-${n}`,
  };
}

const [FIRST, SECOND] = [credentialsOf(1), credentialsOf(2)];

/** A stage whose server knows the first credentials only, and an environment without any. */
async function rotatingStage(t: TestContext): Promise<StrictStage> {
  return strictStage(t, FIRST);
}

function environment(stage: StrictStage, source: CredentialSource): Record<string, string> {
  return {
    ...cleanEnvironment(join(stage.dir, 'home')),
    AWS_ENDPOINT_URL_S3: stage.server.endpoint,
    AWS_REGION: 'us-east-1',
    AWSSYNCER_STATE_DIR: stage.state,
    AWSSYNCER_HTTP: 'off',
    ...source.env,
  };
}

/** S15: nothing that was printed or kept holds a secret. */
function assertNoSecret({ state }: StrictStage, source: CredentialSource, output: string): void {
  const kept = (readdirSync(state, { recursive: true }) as string[])
    .map((name) => join(state, name))
    .map((path) => readFileSync(path, 'latin1'));
  const secrets = [FIRST, SECOND].flatMap(({ secretAccessKey, sessionToken = '' }) => [secretAccessKey, sessionToken]);
  for (const secret of [...secrets, ...source.secrets])
    for (const text of [output, ...kept]) assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 3000)}`);
}

const SOURCES: Record<string, (t: TestContext, stage: StrictStage) => CredentialSource | Promise<CredentialSource>> = {
  'the shared credentials file': (_, { dir }) => credentialsFile(dir),
  'a credential_process': (_, { dir }) => credentialProcess(dir),
  'a web identity token and STS': (t, { dir }) => webIdentity(t, dir),
  'the instance metadata service': (t) => instanceMetadata(t),
  'the container credentials endpoint': (t) => containerMetadata(t),
};

describe('credentials rotated while the agent runs', { concurrency: 3 }, () => {
  for (const [name, open] of Object.entries(SOURCES)) {
    test(`S2 S15 those of ${name} expire, and the agent goes on with the next`, async (t) => {
      const stage = await rotatingStage(t);
      const { server, local, url, write, text } = stage;
      const source = await open(t, stage);
      source.give(FIRST);
      const cli = stage.start(['watch', '--log-level=debug', local, url], { env: environment(stage, source) });
      await cli.waitForLine(/ watching /);
      write('before');
      await cli.until('the first file is stored', () => text('before') === 'before');

      server.identities.accept(SECOND);
      server.identities.expire(FIRST.accessKeyId);
      write('after');
      await cli.until('the old credentials are refused', () =>
        server.requests.some(({ code }) => code === 'ExpiredToken'),
      );
      source.give(SECOND);
      await cli.until('the second file is stored', () => text('after') === 'after');

      cli.signal('SIGTERM');
      assert.equal((await cli.exited).code, 0, cli.output());
      assertNoSecret(stage, source, cli.output());
    });
  }
});

describe('a source that is late', { concurrency: 3 }, () => {
  const LATE = [
    ['the instance metadata service', 500, instanceMetadata],
    ['the instance metadata service', 'hang', instanceMetadata],
    ['the container credentials endpoint', 500, containerMetadata],
  ] as const;
  for (const [name, fault, open] of LATE) {
    test(`${name} answers at first: ${fault}; the start waits for it`, async (t) => {
      const stage = await rotatingStage(t);
      const source = await open(t);
      source.give(FIRST);
      Object.assign(source, { fault, faultyRequests: 1 });
      stage.write('a');
      const cli = stage.start(['sync', stage.local, stage.url], { env: environment(stage, source) });
      assert.equal((await cli.exited).code, 0, cli.output());
      assert.equal(stage.text('a'), 'a');
      assert.ok(source.asked > 1);
    });
  }

  test('S11 S15 it hangs when the old ones have expired: the agent still ends in time, and says what is unsent', async (t) => {
    const stage = await rotatingStage(t);
    const { server, local, url, write } = stage;
    const source = await instanceMetadata(t);
    source.give(FIRST);
    const args = ['watch', '--log-level=debug', '--shutdown-timeout=1s', local, url];
    const cli = stage.start(args, { env: environment(stage, source) });
    await cli.waitForLine(/ watching /);
    source.fault = 'hang';
    server.identities.expire(FIRST.accessKeyId);
    write('unsent');
    await cli.until('the old credentials are refused', () =>
      server.requests.some(({ code }) => code === 'ExpiredToken'),
    );
    cli.signal('SIGTERM');
    assert.equal((await cli.exited).code, 3, cli.output());
    assert.match(cli.output(), /error: unsent unsent/);
    assertNoSecret(stage, source, cli.output());
  });
});

test("a warning of the SDK's is a line of the log", async (t) => {
  const stage = await rotatingStage(t);
  const source = credentialsFile(stage.dir);
  source.give(FIRST);
  const both = { AWS_PROFILE: 'default', AWS_ACCESS_KEY_ID: 'another', AWS_SECRET_ACCESS_KEY: 'another secret' };
  const env = { ...environment(stage, source), ...both };
  const { code, stderr } = await stage.run(['sync', '--log-format=json', stage.local, stage.url], { env });
  assert.equal(code, 0, stderr);
  const lines = stderr.trimEnd().split('\n');
  const warnings = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn');
  assert.equal(warnings.length, 1, stderr);
  assert.match(warnings[0].reason, /Multiple credential sources detected: Both AWS_PROFILE/);
});

test('--profile takes credentials, endpoint and region from there, whatever keys the environment holds', async (t) => {
  const stage = await rotatingStage(t);
  const [config, credentials] = [join(stage.dir, 'config'), join(stage.dir, 'credentials')];
  writeFileSync(config, `[profile second]\nregion = us-east-1\nendpoint_url = ${stage.server.endpoint}\n`);
  const { accessKeyId, secretAccessKey, sessionToken } = FIRST;
  writeFileSync(
    credentials,
    `[second]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\naws_session_token=${sessionToken}\n`,
  );
  const { AWS_ENDPOINT_URL_S3: _, AWS_REGION: __, ...env } = environment(stage, credentialsFile(stage.dir));
  const wrong = { AWS_ACCESS_KEY_ID: 'another', AWS_SECRET_ACCESS_KEY: 'another secret' };
  const files = { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials };
  const run = (profile: string) =>
    stage.run(['sync', '--profile', profile, stage.local, stage.url], { env: { ...env, ...wrong, ...files } });
  stage.write('a');
  const { code, stderr } = await run('second');
  assert.equal(code, 0, stderr);
  assert.equal(stage.text('a'), 'a');

  stage.write('b');
  const none = await run('none');
  assert.equal(none.code, 1, none.stderr);
  assert.match(none.stderr, /awssyncer: Cannot use s3:\S+: .*profile.*none.*\n( {2}hint: .*\n)?$/);
});
