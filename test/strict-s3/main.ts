// Runs the strict S3 server in its own process: prints its endpoint, ends on SIGINT or SIGTERM.
import { parseArgs } from 'node:util';
import { startStrictS3 } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    bucket: { type: 'string', multiple: true, default: [] },
    versioning: { type: 'boolean', default: false },
    region: { type: 'string', default: 'us-east-1' },
    'access-key-id': { type: 'string', default: 'test-access-key' },
    'secret-access-key': { type: 'string', default: 'test-secret-key' },
  },
});

const server = await startStrictS3({
  port: Number(values.port),
  buckets: values.bucket,
  versioning: values.versioning,
  region: values.region,
  accessKeyId: values['access-key-id'],
  secretAccessKey: values['secret-access-key'],
});
process.once('SIGINT', () => void server.close());
process.once('SIGTERM', () => void server.close());
console.log(server.endpoint);
