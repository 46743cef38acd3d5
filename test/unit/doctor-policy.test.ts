import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseS3Url } from '../../src/config/location.ts';
import { iamPolicy, type Policy, versionsHint } from '../../src/doctor/policy.ts';
import { allows, type PolicyDocument } from '../support/iam.ts';

const GAME = { bucket: 'backups', prefix: 'game/', region: undefined };

const document = (policy: Policy): PolicyDocument => policy as PolicyDocument;
const object = (key: string) => ({ action: 's3:GetObject', resource: `arn:aws:s3:::backups/${key}`, keys: {} });
const listing = (prefix: string | undefined) => ({
  action: 's3:ListBucket',
  resource: 'arn:aws:s3:::backups',
  keys: prefix === undefined ? {} : { 's3:prefix': prefix },
});

test('the policy for one prefix allows nothing beside it', () => {
  const policy = document(iamPolicy(GAME, {}));
  for (const key of ['game/', 'game/a', 'game/.awssyncer/lease']) {
    assert.ok(allows(policy, object(key)), key);
    assert.ok(allows(policy, listing(key)), key);
  }
  for (const key of ['game', 'games/a', 'other', 'a/game/b']) {
    assert.ok(!allows(policy, object(key)), key);
    assert.ok(!allows(policy, listing(key)), key);
  }
  assert.ok(!allows(policy, listing(undefined)), 'of the whole bucket');
  assert.ok(!allows(policy, { ...object('game/a'), resource: 'arn:aws:s3:::backups2/game/a' }));
  assert.ok(!allows(policy, { ...object('game/a'), action: 's3:DeleteObjectVersion' }));
});

test('without a prefix it is about the whole bucket', () => {
  const policy = iamPolicy({ ...GAME, prefix: '' }, {});
  assert.ok(allows(document(policy), object('any/thing')));
  assert.ok(allows(document(policy), listing(undefined)));
  assert.ok(!JSON.stringify(policy).includes('Condition'));
});

test('what stands for something else in a policy stands for itself in a prefix', () => {
  const prefix = 'a*b?c$d/';
  const policy = document(iamPolicy({ ...GAME, prefix }, {}));
  assert.ok(allows(policy, object(`${prefix}x`)));
  assert.ok(allows(policy, listing(prefix)));
  assert.ok(!allows(policy, object('aXXbXc$d/x')));
  const [, objects] = iamPolicy({ ...GAME, prefix: `\${aws:username}/` }, {}).Statement;
  assert.equal(objects!.Resource, `arn:aws:s3:::backups/\${$}{aws:username}/*`);
  const name = fc.string({ unit: fc.constantFrom('a', '*', '?', '$', '{', '}', '/'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(name, name, (one, other) => {
      let prefixes: string[];
      try {
        prefixes = [one, other].map((text) => parseS3Url(`s3://backups/${text}`).prefix);
      } catch {
        return;
      }
      const [mine, theirs] = prefixes as [string, string];
      const made = document(iamPolicy({ ...GAME, prefix: mine }, {}));
      assert.ok(allows(made, object(`${mine}key`)));
      assert.equal(allows(made, object(`${theirs}key`)), theirs.startsWith(mine));
    }),
  );
});

test('ARNs are those of the partition that the region is in', () => {
  const arnsIn = (region: string) =>
    JSON.stringify(iamPolicy({ ...GAME, region }, { kmsKeyId: 'id' })).match(/arn:[a-z-]+:/g);
  assert.deepEqual(new Set(arnsIn('eu-west-1')), new Set(['arn:aws:']));
  assert.deepEqual(new Set(arnsIn('cn-north-1')), new Set(['arn:aws-cn:']));
  assert.deepEqual(new Set(arnsIn('us-gov-west-1')), new Set(['arn:aws-us-gov:']));
});

test('a key of KMS: by its ARN, its id or its alias', () => {
  const keyOf = (kmsKeyId: string | undefined) =>
    iamPolicy(GAME, { kmsKeyId }).Statement.find(({ Sid }) => Sid === 'Key');
  assert.equal(keyOf(undefined), undefined);
  const arn = 'arn:aws:kms:eu-west-1:123456789012:key/1-2';
  assert.deepEqual([keyOf(arn)?.Resource, keyOf(arn)?.Condition], [arn, undefined]);
  assert.equal(keyOf('1-2')?.Resource, 'arn:aws:kms:*:*:key/1-2');
  for (const alias of ['alias/a/b', 'arn:aws:kms:eu-west-1:123456789012:alias/a/b']) {
    const { Resource, Condition } = keyOf(alias)!;
    assert.equal(Resource, 'arn:aws:kms:*:*:key/*');
    assert.deepEqual(Condition, { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/a/b' } });
  }
});

test('what restores of the past need is said, not allowed', () => {
  const said = versionsHint(GAME);
  for (const action of ['s3:ListBucketVersions', 's3:GetBucketVersioning', 's3:GetObjectVersion']) {
    assert.ok(said.includes(action));
    assert.ok(!JSON.stringify(iamPolicy(GAME, {})).includes(action));
  }
});
