import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseCommandLine } from '../../src/config/config.ts';
import { duration, type Kind, size } from '../../src/config/kinds.ts';
import { COMMANDS } from '../../src/config/option.ts';
import { OPTION_ROWS } from '../../src/config/options.ts';
import { UsageError } from '../../src/model/errors.ts';

function roundTrips(kind: Kind<number>, values: fc.Arbitrary<number>): void {
  fc.assert(fc.property(values, (value) => assert.equal(kind.parse(kind.show(value)), value)));
}

test('a duration and a size are shown as text that means the same', () => {
  roundTrips(duration({ off: true }), fc.integer({ min: 0, max: 14 * 86_400_000 }));
  roundTrips(
    duration(),
    fc.integer({ min: 0, max: 14 * 24 }).map((hours) => hours * 3_600_000),
  );
  const sizes = size({ minBytes: 0, maxBytes: 2 ** 50 });
  roundTrips(sizes, fc.integer({ min: 0, max: 2 ** 50 }));
  roundTrips(
    sizes,
    fc.integer({ min: 0, max: 1_000 }).map((n) => n * 2 ** 20),
  );
  roundTrips(
    sizes,
    fc.integer({ min: 0, max: 1_000 }).map((n) => n * 1_000_000),
  );
});

test('every default of the table is a value its own kind reads', () => {
  for (const [key, row] of OPTION_ROWS) {
    if (row.default === undefined) continue;
    assert.deepEqual(row.kind.parse(row.kind.show(row.default)), row.default, key);
  }
});

test('any command line is either understood or refused as wrong usage', () => {
  const words = [
    '--',
    '-',
    '-h',
    '-x',
    '--=',
    '--include',
    '--settle',
    '--settle=1s',
    '--json',
    '--no-json',
    '--delete=',
    's3://b',
    's3://bucket',
    '/data',
    '',
  ];
  const word = fc.oneof(fc.constantFrom(...COMMANDS, ...words), fc.string());
  const variable = fc.constantFrom(
    'LOCAL_PATH',
    'S3_BUCKET',
    'S3_ARGS',
    'S3_OBJECT',
    'SYNC_EXCLUDES',
    'AWSSYNCER_SETTLE',
    'AWSSYNCER_INCLUDE',
  );
  const line = fc.oneof(fc.array(word, { maxLength: 6 }), fc.constant(['oneoffcopy']));
  fc.assert(
    fc.property(line, fc.dictionary(variable, fc.string()), (argv, env) => {
      try {
        parseCommandLine(argv, env);
      } catch (error) {
        assert(error instanceof UsageError, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});
