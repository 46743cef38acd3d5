// What is tried in the bucket: every request that an agent sends, on objects that nobody else knows of.
import {
  type BucketConfig,
  bucketFacts,
  bucketStore,
  checkBucket,
  regionOf,
  retryFor,
  START_PATIENCE_MS,
} from '../agent/reach-bucket.ts';
import type { Surroundings } from '../agent/surroundings.ts';
import { showS3Url } from '../config/location.ts';
import { LEASE_KEY } from '../lease/document.ts';
import { readLease, UnsupportedError } from '../lease/take.ts';
import { messageOf } from '../model/errors.ts';
import type { BucketFacts } from '../store/bucket-facts.ts';
import { StoreError } from '../store/errors.ts';
import type { ObjectStore } from '../store/object-store.ts';
import * as judge from './judge-bucket.ts';
import { allowOnBucket, allowOnObjects, type PolicyScope, versionsHint } from './policy.ts';
import type { CheckOptions, Report } from './report.ts';
import { givenSettings, type Setting, withOnly } from './settings.ts';
import { type Pace, Trial, trialPlace } from './trial.ts';
import { type Answer, fail, ok, skip, warn } from './verdict.ts';

export interface BucketExamConfig extends BucketConfig {
  readonly requestTimeoutMs: number;
}

/** Longer than `checkBucket` waits, which says more. */
const REACH_MS = 30_000;
/** For some MiB on a slow line. */
const TRANSFER_MS = 90_000;
/** How many requests the latency is the median of. */
const SAMPLES = 5;

const TRIED = ['permissions', 'lease', 'latency', 'throughput', 'versions', 'lifecycle'];

/** Tries everything, and removes what it stored, also when it is interrupted. */
export async function examineBucket(config: BucketExamConfig, context: Surroundings, report: Report): Promise<void> {
  let exam: BucketExam;
  try {
    exam = new BucketExam(config, context, report);
  } catch (error) {
    // The file of --sse-c-key-file.
    await report.check('bucket', () => Promise.reject(error));
    return;
  }
  try {
    await exam.run();
  } finally {
    exam.close();
  }
}

class BucketExam {
  readonly #config: BucketExamConfig;
  readonly #context: Surroundings;
  readonly #report: Report;
  readonly #scope: PolicyScope;
  readonly #facts: BucketFacts;
  readonly #place: string;
  readonly #opened: ObjectStore[] = [];
  /** The bucket as an agent has it. */
  readonly #store: ObjectStore;

  constructor(config: BucketExamConfig, context: Surroundings, report: Report) {
    const { remote, region = regionOf(context.env) } = config;
    this.#config = config;
    this.#context = context;
    this.#report = report;
    this.#scope = { ...remote, region };
    this.#place = trialPlace(remote.prefix);
    this.#facts = bucketFacts(config, context, config);
    this.#store = this.#open(config);
  }

  async run(): Promise<void> {
    const report = this.#report;
    const hasCredentials = await report.check('credentials', async () => {
      const source = await this.#facts.credentialSource();
      return ok(source === undefined ? 'were found' : `come from ${source}`);
    });
    if (!hasCredentials) return report.cannotAsk(['bucket', 'clock', ...TRIED], 'credentials');
    const isReached = await report.check('bucket', () => this.#reach(), { limitMs: REACH_MS });
    await report.check('clock', async (signal) => judge.judgeClock(await this.#facts.clockAheadMs({ signal })));
    if (!isReached) return report.cannotAsk(TRIED, 'bucket');
    const { version } = this.#context;
    const { requestTimeoutMs } = this.#config;
    const retry = retryFor(START_PATIENCE_MS, this.#context.log);
    const store = this.#openInPlace(this.#config);
    const trial = new Trial({ store, place: this.#place, retry, requestTimeoutMs, version });
    try {
      await this.#try(trial);
    } finally {
      await this.#remove(trial);
    }
  }

  close(): void {
    for (const store of this.#opened) store.close();
    this.#facts.close();
  }

  async #reach(): Promise<Answer> {
    const { remote } = this.#config;
    try {
      await checkBucket(this.#store, remote, this.#context.log);
    } catch (error) {
      const { cause } = error as Error;
      // It is there; that it may not be listed is told of by itself.
      if (!(cause instanceof StoreError && cause.reaction === 'denied')) throw error;
    }
    return ok(`${showS3Url(remote)} answers, region ${await this.#facts.region()}`);
  }

  async #try(trial: Trial): Promise<void> {
    const report = this.#report;
    await report.check(
      'list',
      allowed((signal) => trial.list({ signal })),
      this.#onBucket('s3:ListBucket'),
    );
    const canPut = await this.#tryToPut(trial);
    let up: Pace | undefined;
    if (canPut) {
      const canHead = await report.check(
        'head',
        allowed((signal) => trial.head({ signal })),
        this.#onObjects('s3:GetObject'),
      );
      const canGet = await report.check(
        'get',
        allowed((signal) => trial.get({ signal })),
        this.#onObjects('s3:GetObject'),
      );
      await report.check(
        'copy',
        allowed((signal) => trial.copy({ signal })),
        this.#onObjects('s3:GetObject and s3:PutObject'),
      );
      await report.check(
        'parts',
        allowed(async (signal) => {
          up = await trial.putInParts({ signal });
        }),
        { ...this.#onObjects('s3:PutObject'), limitMs: TRANSFER_MS },
      );
      if (up === undefined) report.cannotAsk(['abort', 'throughput'], 'parts');
      else await this.#tryParts(trial, { up, canGet });
      await report.check('lease', (signal) => this.#tryLease(trial, signal));
      if (canHead) await report.check('latency', (signal) => latency(trial, signal));
    } else report.cannotAsk(['head', 'get', 'copy', 'parts', 'abort', 'lease', 'latency', 'throughput'], 'put');
    await report.check('versions', (signal) => this.#tryVersions(trial, signal), {
      explain: ({ message, reaction }) =>
        warn(
          message,
          reaction === 'denied' ? versionsHint(this.#scope) : 'use another server for restores of the past',
        ),
    });
    await report.check('lifecycle', (signal) => this.#lifecycle(signal), {
      explain: ({ message, reaction }) =>
        reaction === 'denied' || reaction === 'rejected' ? skip(message) : undefined,
    });
  }

  /** With what the operator wants objects to carry; where that is refused, without it, and says which of it is refused. */
  async #tryToPut(trial: Trial): Promise<boolean> {
    const settings = givenSettings(this.#config);
    let refusal: unknown;
    const put = async (signal: AbortSignal): Promise<void> => {
      try {
        await trial.put({ signal });
      } catch (error) {
        if (settings.length === 0) throw error;
        trial.store = this.#openInPlace(withOnly(this.#config, []));
        await trial.put({ signal });
        refusal = error;
      }
    };
    const canPut = await this.#report.check('put', allowed(put), this.#onObjects('s3:PutObject'));
    if (canPut && settings.length > 0) {
      await this.#report.check('settings', (signal) => this.#judgeSettings(trial, { settings, refusal, signal }));
    }
    return canPut;
  }

  async #judgeSettings(
    trial: Trial,
    { settings, refusal, signal }: { settings: readonly Setting[]; refusal: unknown; signal: AbortSignal },
  ): Promise<Answer> {
    const flags = settings.map(({ flag }) => flag).join(', ');
    if (refusal === undefined) return ok(`objects are stored with ${flags}`);
    for (const setting of settings) {
      try {
        await trial.putBy(this.#openInPlace(withOnly(this.#config, [setting])), { signal });
      } catch (error) {
        signal.throwIfAborted();
        return fail(`objects with ${setting.flag} are refused: ${messageOf(error)}`, setting.remedy(this.#scope));
      }
    }
    return fail(`objects with ${flags} are refused: ${messageOf(refusal)}`, 'leave one of them out');
  }

  async #tryParts(trial: Trial, { up, canGet }: { up: Pace; canGet: boolean }): Promise<void> {
    const report = this.#report;
    const aborts = allowed((signal) => trial.abortUpload({ signal }));
    await report.check('abort', aborts, { ...this.#onObjects('s3:AbortMultipartUpload'), limitMs: TRANSFER_MS });
    if (!canGet) return report.cannotAsk(['throughput'], 'get');
    const measure = async (signal: AbortSignal): Promise<Answer> =>
      judge.judgeThroughput(up, await trial.getParts({ signal }));
    await report.check('throughput', measure, { limitMs: TRANSFER_MS });
  }

  async #tryLease(trial: Trial, signal: AbortSignal): Promise<Answer> {
    try {
      await trial.holdLease(signal);
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      const text = `there can be none, ${error.message}: nothing keeps two agents from writing beneath the prefix`;
      return warn(text, 'see to it that only one runs, or use a server with conditional writes');
    }
    const { document } =
      (await readLease({ store: this.#store, key: this.#config.remote.prefix + LEASE_KEY }, signal)) ?? {};
    const { released = true, host, pid, since } = document ?? {};
    return ok(
      `there can be one; ${released ? 'nobody holds it' : `the agent on ${host} has it (pid ${pid}, since ${since})`}`,
    );
  }

  async #tryVersions(trial: Trial, signal: AbortSignal): Promise<Answer> {
    const status = await this.#facts.versioning({ signal });
    await trial.listVersions({ signal });
    return judge.judgeVersions(status);
  }

  async #lifecycle(signal: AbortSignal): Promise<Answer> {
    return judge.judgeLifecycle(await this.#facts.abortsUploadsAfterDays(this.#config.remote.prefix, { signal }));
  }

  async #remove(trial: Trial): Promise<void> {
    const remedy = allowOnObjects(this.#scope, 's3:DeleteObject');
    const where = `s3://${this.#config.remote.bucket}/${this.#place}`;
    const remove = async (signal: AbortSignal): Promise<Answer> => {
      await trial.remove({ signal });
      return ok('is allowed; what the checks stored is removed');
    };
    const explain = ({ message }: StoreError): Answer =>
      fail(`${message}; what the checks stored stays at ${where}`, remedy);
    await this.#report.check('delete', remove, { always: true, explain });
  }

  #open(config: BucketExamConfig): ObjectStore {
    const { requestTimeoutMs } = config;
    const store = bucketStore(config, this.#context, { requestTimeoutMs, retryHorizonMs: START_PATIENCE_MS });
    this.#opened.push(store);
    return store;
  }

  /** As if the place were the prefix: what is stored there carries what files do, not what the agent keeps for itself. */
  #openInPlace(config: BucketExamConfig): ObjectStore {
    return this.#open({ ...config, remote: { ...config.remote, prefix: this.#place } });
  }

  #onBucket(action: string): CheckOptions {
    return deniedMeans(allowOnBucket(this.#scope, action));
  }

  #onObjects(action: string): CheckOptions {
    return deniedMeans(allowOnObjects(this.#scope, action));
  }
}

function deniedMeans(remedy: string): CheckOptions {
  return { explain: ({ message, reaction }) => (reaction === 'denied' ? fail(message, remedy) : undefined) };
}

function allowed(attempt: (signal: AbortSignal) => Promise<unknown>): (signal: AbortSignal) => Promise<Answer> {
  return async (signal) => {
    await attempt(signal);
    return ok('is allowed');
  };
}

async function latency(trial: Trial, signal: AbortSignal): Promise<Answer> {
  const latenciesMs: number[] = [];
  while (latenciesMs.length < SAMPLES) latenciesMs.push(await trial.head({ signal }));
  return judge.judgeLatency(latenciesMs);
}
