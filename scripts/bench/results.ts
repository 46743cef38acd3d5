// Pure. What a benchmark finds out: the data of `--json` and of RESULTS.md.
import type { ToolName } from './tools.ts';

/** One run of one tool. */
export interface Run {
  readonly wallMs: number;
  /** User and system, of the command and all its descendants. */
  readonly cpuMs: number;
  /** Of the largest process. */
  readonly peakRssBytes: number;
  readonly serverCpuMs: number;
  /** By operation. */
  readonly requests: Readonly<Record<string, number>>;
  /** What the server received and sent, heads included. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** All runs of one tool. */
export interface Series {
  readonly tool: ToolName;
  /** Tells apart what one tool did in two ways. */
  readonly way?: string;
  /** The command line, for people. */
  readonly command: string;
  readonly runs: readonly Run[];
}

/** Whether a bar was reached. */
export interface Verdict {
  /** What was asked for. */
  readonly bar: string;
  /** What was found, with its unit. */
  readonly found: string;
  readonly passed: boolean;
}

/** The result of one kind of work. */
export interface WorkResult {
  readonly name: string;
  readonly title: string;
  /** How much of it there was: the unit of throughput. */
  readonly files: number;
  readonly series: readonly Series[];
  readonly verdicts: readonly Verdict[];
}
