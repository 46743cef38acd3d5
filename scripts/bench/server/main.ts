// Runs the bench server in its own process: prints its endpoint, ends when its standard input does, or on SIGTERM.
import { parseArgs } from 'node:util';
import { warmUp } from './arena.ts';
import { startBenchServer } from './server.ts';

const { values } = parseArgs({
  options: { 'md5-etags': { type: 'boolean', default: false }, 'warm-mib': { type: 'string', default: '0' } },
});
warmUp(Number(values['warm-mib']) * 2 ** 20);
const server = await startBenchServer({ etags: values['md5-etags'] ? 'md5' : 'cheap' });
console.log(server.endpoint);
const end = (): void => {
  server.close();
  process.stdin.destroy();
};
process.once('SIGTERM', end);
process.stdin.resume().once('end', end);
