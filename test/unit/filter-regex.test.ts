import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExtendedRegex } from '../../src/filter/extended-regex.ts';
import { UsageError } from '../../src/model/errors.ts';

test('an extended regular expression means what POSIX says', () => {
  const rows: readonly (readonly [expression: string, matches: readonly string[], others: readonly string[]])[] = [
    ['\\.tmp$', ['/data/a.tmp'], ['/data/a.tmpx', '/data/atmp']],
    ['^/data/(cache|tmp)/', ['/data/cache/', '/data/tmp/x'], ['/srv/data/cache/', '/data/tmpx']],
    ['[[:digit:]]{3,}', ['/a123'], ['/a12', '/a1b2c3']],
    ['[^[:alnum:]/]', ['/a_b'], ['/ab']],
    ['a{2}b', ['aab'], ['ab']],
    ['[]x]', [']', 'x'], ['[', 'y']],
    ['[\\d]', ['\\', 'd'], ['1']],
    ['[a-]', ['a', '-'], ['b']],
    ['a.c', ['abc', 'aéc', 'a\nc'], ['ac']],
    ['(a|)b', ['b', 'ab'], ['a']],
    ['a/b', ['a/b'], ['ab']],
    [']}', [']}'], [']']],
    ['\\(\\)\\[\\{\\|\\+\\?\\*\\^\\$\\\\', ['()[{|+?*^$\\'], ['x']],
  ];
  for (const [expression, matches, others] of rows) {
    const regex = compileExtendedRegex(expression);
    for (const text of matches) assert.equal(regex.test(text), true, `${expression} in ${text}`);
    for (const text of others) assert.equal(regex.test(text), false, `${expression} in ${text}`);
  }
});

test('what POSIX leaves undefined, and other dialects, are refused by name', () => {
  const rows = [
    ['(x', /'\(' is not closed/],
    ['x)', /'\)' closes nothing/],
    ['[x', /'\[' is not closed/],
    ['x\\', /nothing follows/],
    ['\\d+', /\\d has no meaning/],
    ['(a)\\1', /\\1 has no meaning/],
    ['(?:a)', /nothing for \? to repeat/],
    ['(?!a)', /nothing for \? to repeat/],
    ['*a', /nothing for \* to repeat/],
    ['a|*', /nothing for \* to repeat/],
    ['^*', /nothing for \* to repeat/],
    ['a+?', /nothing for \? to repeat/],
    ['a{,3}', /'\{' must begin a repetition/],
    ['a{3,2}', /out of order/],
    ['[[:word:]]', /no character class \[:word:\]/],
    ['[[=a=]]', /collating elements/],
    ['[b-a]', /runs backwards/],
  ] as const;
  for (const [expression, message] of rows) {
    assert.throws(
      () => compileExtendedRegex(expression),
      (error) =>
        error instanceof UsageError && /^Cannot use FILTER_REGEX/.test(error.message) && message.test(error.message),
      expression,
    );
  }
});
