// The dashboard of docker/grafana: every query can be asked, every metric is shown, no panel lies upon another.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS } from '../../src/ops/metrics.ts';
import { hasPromtool, promtoolOn } from '../support/promtool.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: object }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

const dashboard = JSON.parse(
  readFileSync(new URL('../../docker/grafana/awssyncer.json', import.meta.url), 'utf8'),
) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

test('every metric of the table is shown, for the agents that were chosen, and no other is asked for', () => {
  const known = new Set(METRICS.map(({ name, type }) => (type === 'histogram' ? `${name}_bucket` : name)));
  const asked = new Set<string>();
  for (const expression of expressions) {
    for (const [, name, labels] of expression.matchAll(/((?:awssyncer|process)_\w+)(\{[^}]*\})?/g)) {
      assert.ok(known.has(name!), name);
      assert.match(labels ?? '', /[{,]instance=~"\$instance"\}$/, expression);
      asked.add(name!);
    }
  }
  assert.deepEqual(asked, known);
});

test('panels say what they show, have an id and queries of their own, and lie side by side', () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const taken = new Set<string>();
  for (const { title, description, type, targets, gridPos, datasource } of dashboard.panels) {
    const { x, y, w, h } = gridPos;
    assert.ok(x >= 0 && x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        assert.ok(!taken.has(`${column} ${line}`), `${title} lies upon another`);
        taken.add(`${column} ${line}`);
      }
    }
    if (type === 'row') continue;
    assert.ok(description, title);
    assert.deepEqual(datasource, { type: 'prometheus', uid: '$datasource' });
    assert.ok(targets!.length > 0);
    assert.equal(new Set(targets!.map(({ refId }) => refId)).size, targets!.length, title);
  }
});

test('variables that are used are there: where from, which prefix, which agents', () => {
  const names = dashboard.templating.list.map(({ name }) => name);
  assert.deepEqual(names, ['datasource', 'remote', 'instance']);
  const used = [...JSON.stringify(dashboard).matchAll(/\$(?!_)(\w+)/g)].map(([, name]) => name!);
  for (const name of used) assert.ok(names.includes(name), name);
  const labels = METRICS.find(({ name }) => name === 'awssyncer_agent_info')!.labels;
  const queries = dashboard.templating.list.map(({ query }) => (typeof query === 'string' ? query : query.query));
  for (const [, label] of queries.join().matchAll(/(\w+)(?:\)|=~)/g))
    assert.ok([...labels, 'instance'].includes(label!), label);
});

if (hasPromtool()) {
  test('promtool takes every query', (t) => {
    const asRule = (expression: string, index: number) => ({
      record: `q:${index}`,
      expr: expression.replaceAll('$__rate_interval', '5m').replaceAll('$instance', 'a'),
    });
    const document = { groups: [{ name: 'dashboard', rules: expressions.map(asRule) }] };
    const { ok, output } = promtoolOn(t, ['check', 'rules'], document);
    assert.ok(ok, output);
    assert.match(output, new RegExp(`${expressions.length} rules found`));
  });
}
