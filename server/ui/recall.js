// Recall against latency, measured now: a curve, and a table of the same figures.

import { at, call } from './api.js';
import { announce, el, labelled, number, show, svg, table } from './dom.js';
import { state } from './shell.js';

/** Widths of the beam that are measured. */
const WIDTHS = [16, 32, 64, 128, 256, 512];
/** Searches timed for each level; the first ones only warm caches. */
const TIMED = 20;
const WARM = 3;

const parts = {};
let schemaOf = async () => ({});
let running;

export function buildRecall(panel, schema) {
  schemaOf = schema;
  Object.assign(parts, {
    field: el('select', {}),
    k: el('input', { type: 'number', min: 1, max: 100, value: 10 }),
    samples: el('input', { type: 'number', min: 10, max: 500, value: 50 }),
    run: el('button', { type: 'submit', class: 'main' }, 'Measure'),
    stop: el('button', { type: 'button', on: { click: () => running?.abort() } }, 'Stop'),
    out: el('div', { class: 'stack' }),
    progress: el('p', { role: 'status', class: 'soft' }),
  });
  parts.stop.hidden = true;
  show(
    panel,
    el('h2', {}, 'Recall and latency'),
    el(
      'p',
      { class: 'soft' },
      'Recall is the share of the exact best hits that a search finds, measured by the server on rows of the collection. ' +
        'Latency is the median time of a search as this browser sees it, the way to the server and back included.',
    ),
    el(
      'form',
      { class: 'fields', 'aria-label': 'Measurement', on: { submit: (event) => (event.preventDefault(), measure()) } },
      labelled('Vector field', parts.field, 'short'),
      labelled('Hits compared', parts.k, 'short'),
      labelled('Queries', parts.samples, 'short'),
      parts.run,
      parts.stop,
    ),
    parts.progress,
    parts.out,
  );
}

export async function enterRecall() {
  try {
    const { vectors = [] } = await schemaOf(state.collection);
    show(parts.field, vectors.map((one) => el('option', { value: one.name }, one.name)));
    parts.run.disabled = !vectors.length;
    show(parts.progress, vectors.length ? '' : 'The collection has no vectors.');
  } catch (fault) {
    show(parts.progress, fault.message);
  }
}

/** The levels of effort: the beam of the graph where there is one, the codes, and the scan of all vectors. */
async function levels(field, signal) {
  const { segments = [] } = await call('GET', at(state.collection), undefined, { signal });
  const graph = segments.some((one) => one.graphs.includes(field));
  const walks = WIDTHS.map((ef) => ({ name: `graph, ef ${ef}`, line: true, params: { strategy: 'graph', ef } }));
  return [
    ...(graph ? walks : []),
    { name: 'codes', params: { strategy: 'codes' } },
    { name: 'exact', params: { exact: true } },
  ];
}

/** Vectors of rows, to search with. */
async function vectorsOf(field, signal) {
  const page = await call('POST', at(state.collection, 'scroll'), { limit: TIMED + WARM }, { signal });
  return page.documents.map((one) => one.vectors?.[field]).filter(Boolean);
}

async function timed(field, vectors, k, params, signal) {
  const times = [];
  for (const [index, vector] of vectors.entries()) {
    const request = { vector, vector_field: field, mode: 'vector', limit: k, params, with_payload: false };
    const start = performance.now();
    await call('POST', at(state.collection, 'search'), request, { signal });
    if (index >= Math.min(WARM, vectors.length - 1)) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(times.length / 2)], worst: times[times.length - 1] };
}

async function measure() {
  running?.abort();
  const { signal } = (running = new AbortController());
  const field = parts.field.value;
  const whole = (input, low, high) => Math.min(Math.max(Math.trunc(Number(input.value)) || low, low), high);
  const [k, samples] = [whole(parts.k, 1, 100), whole(parts.samples, 10, 500)];
  const found = [];
  parts.stop.hidden = false;
  parts.run.disabled = true;
  try {
    const [all, vectors] = [await levels(field, signal), await vectorsOf(field, signal)];
    if (!vectors.length) throw new Error('No row among the first has a vector.');
    for (const level of all) {
      show(parts.progress, `Measuring ${level.name} (${found.length + 1} of ${all.length})`);
      const report = await call('POST', at(state.collection, 'recall'), { field, k, samples, params: level.params }, { signal });
      const times = await timed(field, vectors, k, level.params, signal);
      found.push({ ...level, ...times, recall: report.recall, queries: report.queries });
      draw(found, k);
    }
    show(parts.progress, `Measured ${found.length} levels.`);
    announce(`Measured ${found.length} levels.`);
  } catch (fault) {
    show(parts.progress, fault.name === 'AbortError' ? 'Stopped.' : fault.message);
  } finally {
    parts.stop.hidden = true;
    parts.run.disabled = false;
  }
}

function draw(found, k) {
  const rows = found.map((one) => [one.name, one.recall.mean, `${number(one.recall.low)} – ${number(one.recall.high)}`, one.median, one.worst, one.queries]);
  show(
    parts.out,
    el('figure', { class: 'card' }, curve(found, k), el('figcaption', { class: 'small soft' }, 'Up and to the left is better. The line joins the widths of the beam.')),
    table(`Recall@${k} and latency`, ['Level', 'Recall', 'Interval', 'Median ms', 'Longest ms', 'Queries'], rows),
  );
}

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [720, 376, 64, 32, 48];

/** The least of 1, 2, 2.5 and 5 by a power of ten that four steps of reach a number. */
function step(most) {
  const power = 10 ** Math.floor(Math.log10(most / 4));
  return power * [1, 2, 2.5, 5, 10].find((one) => one * power * 4 >= most);
}

/** The curve: recall upwards, time to the right. */
function curve(found, k) {
  const width = step(Math.max(0.1, ...found.map((one) => one.median)));
  const most = 4 * width;
  const least = Math.min(0.98, ...found.map((one) => one.recall.low));
  const floor = Math.floor(least * 20) / 20;
  const x = (time) => LEFT + (time / most) * (WIDTH - LEFT - 90);
  const y = (recall) => TOP + ((1 - recall) / (1 - floor)) * (HEIGHT - BOTTOM - TOP);
  const marks = (count) => Array.from({ length: count + 1 }, (_, i) => i / count);
  const across = marks(4).map((part) => {
    const recall = floor + part * (1 - floor);
    return [
      svg('line', { class: 'grid', x1: LEFT, x2: WIDTH - 20, y1: y(recall), y2: y(recall) }),
      svg('text', { x: LEFT - 8, y: y(recall) + 4, 'text-anchor': 'end' }, recall.toFixed(3)),
    ];
  });
  const along = marks(4).map((part) =>
    svg('text', { x: x(part * most), y: HEIGHT - BOTTOM + 20, 'text-anchor': 'middle' }, number(part * most)),
  );
  const line = found.filter((one) => one.line).map((one) => `${x(one.median)},${y(one.recall.mean)}`).join(' ');
  const dots = found.map((one) => [
    svg('circle', { class: one.line ? 'dot' : 'dot-other', cx: x(one.median), cy: y(one.recall.mean), r: 6 }),
    svg('text', { x: x(one.median) + 9, y: y(one.recall.mean) + (one.line ? 18 : -8) }, one.line ? one.params.ef : one.name),
  ]);
  return svg(
    'svg',
    { class: 'curve', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `Recall@${k} against the median time of a search; the table has the figures` },
    across,
    along,
    svg('polyline', { class: 'axis', points: `${LEFT},${TOP} ${LEFT},${HEIGHT - BOTTOM} ${WIDTH - 20},${HEIGHT - BOTTOM}` }),
    svg('text', { x: WIDTH - 20, y: HEIGHT - 8, 'text-anchor': 'end' }, 'median of a search in ms'),
    svg('text', { x: LEFT, y: 14, 'text-anchor': 'end' }, `recall@${k}`),
    svg('polyline', { class: 'line', points: line }),
    dots,
  );
}
