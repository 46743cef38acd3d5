// Measurements in the text format of Prometheus.
import type { Metric } from 'prom-client';
import type { Measurements } from './measurements.ts';
import { METRICS } from './metrics.ts';

/** Loads the client of Prometheus, which takes 30 ms, once. */
export async function renderMetrics(of: Measurements): Promise<{ readonly type: string; readonly text: string }> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  for (const { name, type, help, read } of METRICS) {
    const values = read(of).map(({ value, labels = {}, suffix = '' }) => ({
      value,
      labels,
      metricName: name + suffix,
    }));
    const metric = { name, help, type, values, aggregator: 'sum' };
    registry.registerMetric({ name, get: async () => metric } as unknown as Metric);
  }
  return { type: registry.contentType, text: await registry.metrics() };
}
