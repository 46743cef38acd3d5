// Measurements in the text format of Prometheus.
import type { Metric } from 'prom-client';
import type { DirectoryMeasurements, Measurements, ProcessMeasurements } from './measurements.ts';
import { AGENT_METRICS, DIRECTORY_METRICS, type Labels, type MetricRow, PROCESS_METRICS } from './metrics.ts';

/** What is told. */
export interface Exposition {
  readonly process: ProcessMeasurements;
  readonly agents: readonly { readonly labels: Labels; readonly of: Measurements }[];
  readonly directories: readonly DirectoryMeasurements[];
}

/** Loads the client of Prometheus, which takes 30 ms, once. */
export async function renderMetrics({ process, agents, directories }: Exposition): Promise<{
  readonly type: string;
  readonly text: string;
}> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  const add = <Of>(
    rows: readonly MetricRow<Of>[],
    subjects: readonly { readonly labels: Labels; readonly of: Of }[],
  ): void => {
    for (const { name, type, help, read } of rows) {
      const values = subjects.flatMap((subject) =>
        read(subject.of).map(({ value, labels = {}, suffix = '' }) => ({
          value,
          labels: { ...subject.labels, ...labels },
          metricName: name + suffix,
        })),
      );
      const metric = { name, help, type, values, aggregator: 'sum' };
      registry.registerMetric({ name, get: async () => metric } as unknown as Metric);
    }
  };
  add(AGENT_METRICS, agents);
  add(
    DIRECTORY_METRICS,
    directories.map((of) => ({ labels: {}, of })),
  );
  add(PROCESS_METRICS, [{ labels: {}, of: process }]);
  return { type: registry.contentType, text: await registry.metrics() };
}
