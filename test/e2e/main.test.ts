import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

function awssyncer(args: readonly string[], options: { env?: Record<string, string>; preload?: string } = {}) {
  const preload = options.preload === undefined ? [] : ['--import', `data:text/javascript,${options.preload}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...preload, MAIN, ...args], {
    env: { ...options.env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('help and version go to standard output and are no failure', () => {
  const help = awssyncer(['watch', '--help']);
  assert.deepEqual([help.status, help.stderr], [0, '']);
  assert.match(help.stdout, /^awssyncer watch: .*--settle DURATION.*AWSSYNCER_SETTLE/s);
  assert.match(awssyncer(['--version']).stdout, /^awssyncer \d+\.\d+\.\d+\n$/);
});

test('wrong usage is one line and a hint on standard error, and exit code 2', () => {
  assert.deepEqual(awssyncer(['watch', '--setle', '5s']), {
    status: 2,
    stdout: '',
    stderr: 'awssyncer: Cannot use --setle: there is no such option\n  hint: Did you mean --settle?\n',
  });
});

test('an error is one line whatever it quotes', () => {
  const { status, stderr } = awssyncer(['watch', 'a', 's3://bucket', '--settle', 'a\nb']);
  assert.equal(status, 2);
  assert.match(stderr, /^awssyncer: .*'a b'\n$/);
});

test('S15 a secret that got into an argument is not repeated', () => {
  const env = { AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI' };
  const { stderr } = awssyncer(['watch', '--settle=wJalrXUtnFEMI', 'a', 's3://bucket'], { env });
  assert.match(stderr, /current value is '\*\*\*'/);
});

test('on another system than Linux it says so in one line', () => {
  const preload = 'Object.defineProperty(process,"platform",{value:"darwin"})';
  assert.deepEqual(awssyncer(['--help'], { preload }), {
    status: 1,
    stdout: '',
    stderr: 'awssyncer: Cannot start: awssyncer needs Linux and its inotify, this is darwin\n',
  });
});

test('a reader of the output that goes away does not end the program', async () => {
  // The failed write is told of after the turn in which help is printed and the program ends: let it live until then.
  const preload = 'const end=process.exit;process.exit=(code)=>setImmediate(()=>setImmediate(end,code))';
  const args = ['--import', `data:text/javascript,${preload}`, MAIN, 'run', '--help'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  child.stdout.destroy();
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const [code] = await once(child, 'close');
  assert.deepEqual([code, Buffer.concat(errors).toString()], [0, '']);
});
