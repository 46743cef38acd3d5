// Pure. Numbers in words.
import type { Run } from './results.ts';

export function seconds(ms: number): string {
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** The commonest first. */
export function requestsText(requests: Run['requests']): string {
  const counted = Object.entries(requests).sort(([, a], [, b]) => b - a);
  return counted.map(([operation, count]) => `${count.toLocaleString('en')} ${operation}`).join(', ') || 'none';
}

export function describeRun(name: string, run: Run): string {
  return (
    `  ${name}: ${seconds(run.wallMs)}, CPU ${seconds(run.cpuMs)}, ${megabytes(run.peakRssBytes)}, ` +
    `server CPU ${seconds(run.serverCpuMs)}, requests: ${requestsText(run.requests)}`
  );
}
