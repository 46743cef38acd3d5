// What doctor printed, line by line, and a stage on which it has nothing to say.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { StrictS3Options } from '../strict-s3/server.ts';
import type { Finished } from './cli.ts';
import { type StrictStage, strictStage } from './stage.ts';

export interface Line {
  readonly state: string;
  readonly check: string;
  readonly text: string;
}

/** State, name and the rest. */
const LINE = /^(ok|warn|fail|skip) {2,4}(\w[\w ]*?) {2,}(.*)$/;

export function linesOf({ stdout }: Finished): Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, state = '', check = '', text = ''] = LINE.exec(line) ?? [];
      assert.notEqual(state, '', line);
      return { state, check, text };
    });
}

export const statesOf = (finished: Finished, state: string): string[] =>
  linesOf(finished)
    .filter((line) => line.state === state)
    .map(({ check }) => check);

export function lineOf(finished: Finished, check: string): Line {
  const found = linesOf(finished).filter((line) => line.check === check);
  assert.equal(found.length, 1, `${check}\n${finished.stdout}`);
  return found[0]!;
}

/** A stage with nothing to warn of. */
export async function soundStage(t: TestContext, options: StrictS3Options = {}): Promise<StrictStage> {
  const stage = await strictStage(t, options);
  stage.bucket.ruleUploads([{ prefix: '', days: 7, isEnabled: true }]);
  return stage;
}

/** Nothing of ours is left in the bucket. */
export function assertClean({ bucket }: StrictStage): void {
  assert.deepEqual([bucket.keys(), bucket.uploads()], [[], []]);
}
