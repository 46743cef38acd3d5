// Pure. The dashboard of Grafana, from the table of metrics and the panels: docker/grafana/awssyncer.json.
import { DIRECTORY_LABEL, METRICS, type MetricRow } from '../../src/ops/metrics.ts';
import { type PanelRow, SECTIONS, type Section } from './panels.ts';

const COLUMNS = 24;
const SIZES = { number: { w: 3, h: 4 }, lines: { w: 12, h: 8 }, heatmap: { w: 12, h: 8 } } as const;
const TYPES = { number: 'stat', lines: 'timeseries', heatmap: 'heatmap' } as const;
const DATASOURCE = { type: 'prometheus', uid: '$datasource' };
const SELECTOR = 'instance=~"$instance"';

const METRIC = /(?<![\w:])((?:awssyncer|process)_[a-z_]+)(?:\{([^}]*)\})?/g;

/** The metrics that an expression names. @throws Error if there is no such metric */
function metricsIn(expression: string): readonly MetricRow[] {
  return [...expression.matchAll(METRIC)].map(([, name]) => metric(name!));
}

function metric(name: string): MetricRow {
  const found = METRICS.find(({ name: known, type }) => (type === 'histogram' ? `${known}_bucket` : known) === name);
  if (found === undefined) throw new Error(`there is no metric ${name}`);
  return found;
}

/** The expression for the agents that were chosen. */
function chosen(expression: string): string {
  return expression.replace(METRIC, (_, name: string, labels?: string) => {
    return `${name}{${[labels, SELECTOR].filter(Boolean).join(',')}}`;
  });
}

/** What no other section shows. */
function remaining(): Section {
  const shown = new Set(SECTIONS.flatMap(({ panels }) => panels.flatMap(metricsOf)));
  const panels = METRICS.filter((row) => !shown.has(row)).map(({ name, type, labels }): PanelRow => {
    const legend = [...new Set(['instance', DIRECTORY_LABEL, ...labels])].map((label) => `{{${label}}}`).join(' ');
    const query = type === 'counter' ? `rate(${name}[$__rate_interval])` : name;
    return { title: name, shows: 'lines', unit: 'short', queries: [[query, legend]] };
  });
  return { title: 'Everything else', panels };
}

function metricsOf({ queries }: PanelRow): readonly MetricRow[] {
  return queries.flatMap(([expression]) => metricsIn(expression));
}

function panel(row: PanelRow, place: { readonly id: number; readonly x: number; readonly y: number }): object {
  const { title, shows, unit, queries } = row;
  const { id, ...at } = place;
  return {
    ...{ id, type: TYPES[shows], title, datasource: DATASOURCE, gridPos: { ...SIZES[shows], ...at } },
    description: [...new Set(metricsOf(row).map(({ name, help }) => `${name}: ${help}.`))].join('\n\n'),
    fieldConfig: { defaults: { unit, ...fieldOf(row) }, overrides: [] },
    options: optionsOf(row),
    targets: queries.map(([expression, legendFormat], index) => ({
      ...{ refId: String.fromCharCode(65 + index), datasource: DATASOURCE, expr: chosen(expression), legendFormat },
      ...(shows === 'number' ? { instant: true } : { range: true }),
      ...(shows === 'heatmap' ? { format: 'heatmap' } : {}),
    })),
  };
}

function fieldOf({ shows, limits, words, stacked }: PanelRow): object {
  if (shows === 'heatmap') return {};
  const [warning, critical] = limits ?? [null, null];
  const steps = [
    { color: 'green', value: null },
    ...(warning === null ? [] : [{ color: 'yellow', value: warning }]),
    ...(critical === null ? [] : [{ color: 'red', value: critical }]),
  ];
  return {
    ...(shows === 'number' || limits !== undefined ? { thresholds: { mode: 'absolute', steps } } : {}),
    ...(words === undefined ? {} : { mappings: [mappingOf(words)] }),
    ...(shows === 'lines' ? { min: 0, custom: linesOf(limits !== undefined, stacked === true) } : {}),
  };
}

function mappingOf({ no, yes, bad }: NonNullable<PanelRow['words']>): object {
  const color = (which: 'no' | 'yes') => (which === bad ? 'red' : 'green');
  return { type: 'value', options: { 0: { text: no, color: color('no') }, 1: { text: yes, color: color('yes') } } };
}

function linesOf(hasLimits: boolean, isStacked: boolean): object {
  return {
    fillOpacity: isStacked ? 30 : 0,
    ...(isStacked ? { stacking: { mode: 'normal' } } : {}),
    ...(hasLimits ? { thresholdsStyle: { mode: 'dashed' } } : {}),
  };
}

function optionsOf({ shows, asNames }: PanelRow): object {
  if (shows === 'heatmap') return { calculate: false, yAxis: { unit: 's' }, color: { scheme: 'Spectral' } };
  if (shows === 'lines') return { legend: { showLegend: true, placement: 'bottom' }, tooltip: { mode: 'multi' } };
  return { reduceOptions: { calcs: ['lastNotNull'] }, textMode: asNames ? 'name' : 'auto' };
}

/** Panels of each section side by side, in lines of 24 columns, beneath the section's name. */
function layOut(sections: readonly Section[]): object[] {
  const laid: object[] = [];
  let [x, y, height] = [0, 0, 0];
  const breakLine = (): void => {
    [x, y, height] = [0, y + height, 0];
  };
  for (const { title, panels } of sections) {
    breakLine();
    const gridPos = { h: 1, w: COLUMNS, x: 0, y };
    laid.push({ id: laid.length + 1, type: 'row', title, collapsed: false, gridPos, panels: [] });
    y++;
    for (const row of panels) {
      const { w, h } = SIZES[row.shows];
      if (x + w > COLUMNS || (height > 0 && h !== height)) breakLine();
      laid.push(panel(row, { id: laid.length + 1, x, y }));
      [x, height] = [x + w, h];
    }
  }
  return laid;
}

function variable(name: 'remote' | 'instance', query: string): object {
  return {
    ...{ name, type: 'query', datasource: DATASOURCE, query: { query, refId: name }, definition: query },
    ...{ refresh: 2, sort: 1, multi: true, includeAll: true, current: { text: 'All', value: '$__all' } },
  };
}

/** The whole file. */
export function dashboard(): string {
  const document = {
    ...{ uid: 'awssyncer', title: 'awssyncer', tags: ['awssyncer'], schemaVersion: 39, version: 1, editable: true },
    description: 'What agents of awssyncer measure. Written from the table of metrics by npm run docs.',
    ...{ refresh: '30s', time: { from: 'now-6h', to: 'now' }, timezone: 'browser' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', current: {} },
        variable('remote', 'label_values(awssyncer_agent_info, remote)'),
        variable('instance', 'label_values(awssyncer_agent_info{remote=~"$remote"}, instance)'),
      ],
    },
    annotations: { list: [] },
    panels: layOut([...SECTIONS, remaining()]),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
