// The benchmark's server as a target of the contract suite: what is measured against must do what S3 does.
import { startBenchServer } from '../../scripts/bench/server/server.ts';
import { everythingBut, type S3Target, type TargetChoice, target } from './s3-targets.ts';

export const BENCH: TargetChoice = {
  name: 'bench',
  ours: true,
  claims: everythingBut('verifiesSignature', 'verifiesMd5', 'verifiesChecksums'),
  missing: undefined,
  start: async (): Promise<S3Target> => {
    const server = await startBenchServer({ etags: 'md5' });
    const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
    const close = async (): Promise<void> => server.close();
    return target({ name: 'bench', endpoint: server.endpoint, region: 'us-east-1', credentials, close });
  },
};
