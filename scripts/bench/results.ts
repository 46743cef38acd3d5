// Pure. What a benchmark finds out: the data of `--json` and of RESULTS.md.
import type { ToolName } from './tools.ts';

/** One run of one tool. */
export interface Run {
  readonly wallMs: number;
  /** User and system, of the command and all its descendants. */
  readonly cpuMs: number;
  /** Of the largest process; at rest, of the process as it is. */
  readonly peakRssBytes: number;
  readonly serverCpuMs: number;
  /** By operation. */
  readonly requests: Readonly<Record<string, number>>;
  /** What was put into objects and parts. */
  readonly putBytes: number;
}

/** All runs of one tool. */
export interface Series {
  readonly tool: ToolName;
  /** Tells apart what one tool did in several ways. */
  readonly way?: string;
  /** The command line, for people. */
  readonly command: string;
  /** How many files one run is about. */
  readonly files: number;
  readonly runs: readonly Run[];
  /** From close(2) to the readable object, where that is measured. */
  readonly latenciesMs?: readonly number[];
}

/** Whether a bar was reached. */
export interface Verdict {
  /** What was asked for. */
  readonly bar: string;
  /** What was found, with its unit; or who would have been needed to find it out. */
  readonly found: string;
  /** undefined: the peer to be compared with did not take part. */
  readonly passed: boolean | undefined;
}

/** The result of one kind of work. */
export interface WorkResult {
  readonly name: string;
  readonly title: string;
  /** What a reader should know to understand the numbers. */
  readonly notes?: readonly string[];
  readonly series: readonly Series[];
  readonly verdicts: readonly Verdict[];
}

/** Where and when work was measured. */
export interface Circumstances {
  readonly at: string;
  readonly commit: string;
  readonly machine: Readonly<Record<string, string>>;
  /** By tool. */
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly ToolName[];
}

/** What `--json` writes. */
export type Report = readonly (WorkResult & { readonly circumstances: Circumstances })[];
