// The map of vectors that the server computes: points on a canvas, and a table of the same documents.

import { at, call } from './api.js';
import { announce, el, labelled, number, plain, show, table } from './dom.js';
import { pathsOf, together } from './query.js';
import { openDocument, state } from './shell.js';

/** Colours of values, told apart with most kinds of sight (Okabe and Ito, 2008); the last is for all others. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#b8a500', '#8a8f99'];
/** Rows of the table on one page. */
const ROWS = 25;
/** Distance within which a click means a point, in pixels. */
const NEAR = 14;
const RADIUS = 4;

const parts = {};
let schemaOf = async () => ({});
let drawn = null;

export function buildMap(panel, schema) {
  schemaOf = schema;
  Object.assign(parts, {
    field: el('select', {}),
    colour: el('select', {}),
    limit: el('input', { type: 'number', min: 3, max: 2000, value: 1000 }),
    canvas: el('canvas', { class: 'map', role: 'img', 'aria-label': 'Map of vectors; the table below has its documents' }),
    under: el('p', { class: 'mono small soft', 'aria-hidden': 'true' }, ' '),
    about: el('p', { role: 'status', class: 'soft' }),
    legend: el('ul', { class: 'legend small', 'aria-label': 'Colours' }),
    rows: el('div', {}),
    drawing: el('div', { class: 'stack' }),
  });
  parts.drawing.hidden = true;
  show(parts.drawing, parts.canvas, parts.under, parts.legend, parts.rows);
  parts.canvas.addEventListener('click', (event) => {
    const point = nearest(event);
    if (point) openDocument(point.id);
  });
  parts.canvas.addEventListener('pointermove', (event) => {
    const point = nearest(event);
    show(parts.under, point ? `${point.id}${point.value === undefined ? '' : ` – ${plain(point.value)}`}` : ' ');
  });
  new ResizeObserver(() => draw()).observe(parts.canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw());
  show(
    panel,
    el('h2', {}, 'Map'),
    el('p', { class: 'soft' }, 'Documents in the plane in which their vectors vary most (two principal components). Close points are similar; far ones differ.'),
    el(
      'form',
      { class: 'fields', 'aria-label': 'Map', on: { submit: (event) => (event.preventDefault(), load()) } },
      labelled('Vector field', parts.field, 'short'),
      labelled('Colour by', parts.colour, 'short'),
      labelled('Points', parts.limit, 'short'),
      el('button', { type: 'submit', class: 'main' }, 'Draw'),
    ),
    parts.about,
    parts.drawing,
  );
}

export async function enterMap() {
  try {
    const { vectors = [] } = await schemaOf(state.collection);
    show(parts.field, vectors.map((one) => el('option', { value: one.name }, one.name)));
    const page = vectors.length ? await call('POST', at(state.collection, 'scroll'), { limit: 20 }) : { documents: [] };
    const paths = [...new Set(page.documents.flatMap((one) => pathsOf(one.payload)))].sort();
    const chosen = parts.colour.value;
    show(parts.colour, el('option', { value: '' }, 'nothing'), paths.map((path) => el('option', { value: path }, path)));
    if (paths.includes(chosen)) parts.colour.value = chosen;
    if (drawn?.collection !== state.collection) {
      drawn = null;
      parts.drawing.hidden = true;
    }
    const limited = state.filters.length ? ` The filter of the search is in force: ${together(state.filters)}` : '';
    show(parts.about, vectors.length ? limited : 'The collection has no vectors.');
  } catch (fault) {
    show(parts.about, fault.message);
  }
}

async function load() {
  show(parts.about, 'Computing');
  try {
    const { collection } = state;
    const map = await call('POST', at(collection, 'map'), {
      vector: parts.field.value || undefined,
      value: parts.colour.value || undefined,
      filter: together(state.filters),
      limit: Math.min(Math.max(Math.trunc(Number(parts.limit.value)) || 1000, 3), 2000),
    });
    drawn = { ...map, collection, path: parts.colour.value, colours: colours(map.points), page: 0 };
    const said = `${number(map.points.length)} of ${number(map.rows)} documents; the map keeps ${(100 * map.explained).toFixed(0)} % of the variance.`;
    show(parts.about, said);
    announce(said);
    parts.drawing.hidden = false;
    legend();
    rows();
    draw();
  } catch (fault) {
    show(parts.about, fault.message);
  }
}

/** A colour for each of the most frequent values; the others share the last. */
function colours(points) {
  const counts = new Map();
  for (const { value } of points) {
    if (value !== undefined) counts.set(plain(value), (counts.get(plain(value)) ?? 0) + 1);
  }
  const most = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return new Map(most.slice(0, COLOURS.length - 1).map(([value, count], i) => [value, { colour: COLOURS[i], count }]));
}

const OTHER = COLOURS[COLOURS.length - 1];
function colourOf(point) {
  if (!drawn.path) return COLOURS[0];
  return point.value === undefined ? OTHER : (drawn.colours.get(plain(point.value))?.colour ?? OTHER);
}

function swatch(colour) {
  const canvas = el('canvas', { width: 14, height: 14, 'aria-hidden': 'true' });
  const pen = canvas.getContext('2d');
  pen.fillStyle = colour;
  pen.arc(7, 7, 6, 0, 2 * Math.PI);
  pen.fill();
  return canvas;
}

function legend() {
  const named = [...drawn.colours].map(([value, { colour, count }]) => el('li', {}, swatch(colour), `${value} (${count})`));
  const known = [...drawn.colours.values()].reduce((sum, one) => sum + one.count, 0);
  const rest = drawn.points.length - known;
  parts.legend.hidden = !drawn.path;
  show(parts.legend, named, rest > 0 && el('li', {}, swatch(OTHER), `others (${rest})`));
}

/** The place of each point on the canvas, with one scale for both directions. */
function places(width, height) {
  const { points } = drawn;
  const edge = 16;
  const bounds = (values) => [Math.min(...values), Math.max(...values)];
  const [[left, right], [low, high]] = [bounds(points.map((p) => p.x)), bounds(points.map((p) => p.y))];
  const scale = Math.min((width - 2 * edge) / (right - left || 1), (height - 2 * edge) / (high - low || 1));
  return points.map((p) => ({
    point: p,
    x: width / 2 + (p.x - (left + right) / 2) * scale,
    y: height / 2 - (p.y - (low + high) / 2) * scale,
  }));
}

function draw() {
  if (!drawn?.points.length || !parts.canvas.clientWidth) return;
  const { clientWidth: width, clientHeight: height } = parts.canvas;
  const ratio = window.devicePixelRatio || 1;
  parts.canvas.width = width * ratio;
  parts.canvas.height = height * ratio;
  const pen = parts.canvas.getContext('2d');
  pen.scale(ratio, ratio);
  drawn.places = places(width, height);
  pen.globalAlpha = 0.8;
  for (const { point, x, y } of drawn.places) {
    pen.beginPath();
    pen.fillStyle = colourOf(point);
    pen.arc(x, y, RADIUS, 0, 2 * Math.PI);
    pen.fill();
  }
}

function nearest(event) {
  let [best, distance] = [null, NEAR];
  for (const { point, x, y } of drawn?.places ?? []) {
    const far = Math.hypot(event.offsetX - x, event.offsetY - y);
    if (far < distance) [best, distance] = [point, far];
  }
  return best;
}

function rows() {
  const pages = Math.max(Math.ceil(drawn.points.length / ROWS), 1);
  const turn = (to) => {
    drawn.page = to;
    rows();
    announce(`Page ${to + 1} of ${pages}`);
    parts.rows.querySelector('[role="group"]')?.focus();
  };
  const shown = drawn.points.slice(drawn.page * ROWS, (drawn.page + 1) * ROWS);
  const open = (id) => el('button', { type: 'button', class: 'link', on: { click: () => openDocument(id) } }, id);
  const value = (point) => (point.value === undefined ? '–' : plain(point.value));
  const head = ['Document', 'x', 'y', ...(drawn.path ? [drawn.path] : [])];
  show(
    parts.rows,
    table(
      `Documents of the map, page ${drawn.page + 1} of ${pages}`,
      head,
      shown.map((p) => [open(p.id), p.x, p.y, ...(drawn.path ? [value(p)] : [])]),
    ),
    el(
      'div',
      { class: 'buttons' },
      el('button', { type: 'button', disabled: drawn.page === 0, on: { click: () => turn(drawn.page - 1) } }, 'Page before'),
      el('button', { type: 'button', disabled: drawn.page + 1 >= pages, on: { click: () => turn(drawn.page + 1) } }, 'Next page'),
    ),
  );
}
