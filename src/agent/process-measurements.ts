// What is to be measured of this process.
import type { ProcessMeasurements } from '../ops/measurements.ts';
import { openFiles, openFilesLimit } from './open-files.ts';

/** Of this moment. */
export function measureProcess({
  version,
  commit,
}: Pick<ProcessMeasurements, 'version' | 'commit'>): ProcessMeasurements {
  const { user, system } = process.cpuUsage();
  return {
    ...{ version, commit },
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startMs: performance.timeOrigin,
    openFiles: openFiles(),
    maxOpenFiles: openFilesLimit(),
  };
}
