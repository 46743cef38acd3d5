// The S3 server of the example in docker/compose: fauxqs with one bucket, kept in the directory of its argument.
import { startFauxqs } from 'fauxqs';
import './key-order.ts';

const [dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new Error('usage: s3-service DIRECTORY');

startFauxqs({ port: 9000, dataDir, logger: false, init: { buckets: ['demo'] } }).then((server) => {
  process.once('SIGTERM', () => void server.stop());
});
