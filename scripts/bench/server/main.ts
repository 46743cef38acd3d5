// Runs the bench server in its own process: prints its endpoint, ends when its standard input does, or on SIGTERM.
import { parseArgs } from 'node:util';
import { startBenchServer } from './server.ts';

const { values } = parseArgs({ options: { 'md5-etags': { type: 'boolean', default: false } } });
const server = await startBenchServer({ etags: values['md5-etags'] ? 'md5' : 'cheap' });
console.log(server.endpoint);
const end = (): void => {
  server.close();
  process.stdin.destroy();
};
process.once('SIGTERM', end);
process.stdin.resume().once('end', end);
