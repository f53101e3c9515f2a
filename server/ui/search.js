// The search: words and vectors, filters and facets, and three columns of results.

import { at, call } from './api.js';
import { announce, el, labelled, number, plain, show, unique } from './dom.js';
import { columnRequests, equals, pathsOf, together } from './query.js';
import { barKey, column, verdict } from './results.js';
import { notice, state, writeState } from './shell.js';
import { suggesting } from './suggest.js';

/** Payload paths that are counted, and values of each that are shown. */
const MAX_FACETS = 6;
const MAX_FACET_VALUES = 6;

const TITLES = { text: 'Text', vector: 'Vector', hybrid: 'Hybrid' };

let running;
let last = {};
const parts = {};
let schemaOf = async () => ({});

/** Builds the panel; `schema` gives the schema of a collection. */
export function buildSearch(panel, schema) {
  schemaOf = schema;
  const words = el('input', { type: 'search', id: 'words', placeholder: 'Search', 'aria-describedby': 'words-fault' });
  const suggestions = suggesting(words, submit);
  Object.assign(parts, {
    words,
    limit: el('input', { type: 'number', min: 1, max: 50, value: 5 }),
    like: el('input', { type: 'text', spellcheck: 'false' }),
    pasted: el('textarea', { rows: 2, spellcheck: 'false' }),
    chips: el('div', { class: 'chips', role: 'group', 'aria-label': 'Filters in force' }),
    filter: el('input', { type: 'text', spellcheck: 'false', placeholder: "year >= 1960 AND lab = 'bath'", 'aria-describedby': 'filter-fault' }),
    filterFault: el('p', { class: 'fault small', id: 'filter-fault' }),
    facets: el('div', { class: 'facets' }),
    facetsFrame: el('details', { class: 'card', open: true }, el('summary', {}, 'Facets')),
    why: el('input', { type: 'text', spellcheck: 'false' }),
    verdicts: el('div', { class: 'columns' }),
    results: el('div', { class: 'stack' }),
  });
  parts.columns = Object.fromEntries(
    Object.entries(TITLES).map(([mode, title]) => [mode, column(title, { like: findLike, correct: (text) => ((words.value = text), submit()) })]),
  );
  parts.likeField = labelled('Id of the document', parts.like);
  parts.pastedField = labelled('Numbers of the vector', parts.pasted);
  parts.sources = sources();
  parts.facetsFrame.append(parts.facets);
  parts.results.hidden = true;
  show(parts.results, ...resultParts());
  show(
    panel,
    el('h2', { class: 'unseen' }, 'Search'),
    el(
      'form',
      { class: 'stack', role: 'search', 'aria-label': 'Documents', on: { submit: (event) => (event.preventDefault(), submit()) } },
      el(
        'div',
        { class: 'fields' },
        el('div', { class: 'grow search-box' }, el('label', { for: 'words', class: 'unseen' }, 'Words'), words, suggestions),
        el('button', { type: 'submit', class: 'main' }, 'Search'),
      ),
      el('div', { class: 'fields' }, parts.sources, parts.likeField, parts.pastedField, labelled('Hits', parts.limit, 'short')),
    ),
    el(
      'form',
      { 'aria-label': 'Filter', on: { submit: (event) => (event.preventDefault(), addFilter(parts.filter.value.trim())) } },
      el('div', { class: 'fields' }, labelled('Filter', parts.filter), el('button', { type: 'submit' }, 'Add the filter')),
      parts.filterFault,
    ),
    parts.chips,
    parts.results,
  );
}

function resultParts() {
  const form = el(
    'form',
    { class: 'fields', 'aria-label': 'Why not', on: { submit: (event) => (event.preventDefault(), askWhyNot()) } },
    labelled('Why is this document where it is, or not there? (id)', parts.why),
    el('button', { type: 'submit' }, 'Why?'),
  );
  return [
    parts.facetsFrame,
    barKey(),
    el('div', { class: 'columns' }, Object.values(parts.columns).map((one) => one.node)),
    el('div', { class: 'card stack' }, form, parts.verdicts),
  ];
}

/** The choice of the vector that is searched with. */
function sources() {
  const name = unique('vector');
  const choice = (value, text) => {
    const id = unique('source');
    const radio = el('input', { type: 'radio', name, value, id, on: { change: () => ((state.vector = value), showSource()) } });
    return el('span', {}, radio, ' ', el('label', { for: id }, text));
  };
  return el(
    'fieldset',
    {},
    el('legend', {}, 'Vector'),
    el('div', { class: 'chips' }, choice('text', 'of the words'), choice('like', 'of a document'), choice('pasted', 'pasted')),
  );
}

function showSource() {
  for (const radio of parts.sources.querySelectorAll('input')) radio.checked = radio.value === state.vector;
  parts.likeField.hidden = state.vector !== 'like';
  parts.pastedField.hidden = state.vector !== 'pasted';
}

/** Shows the state in the fields, and searches if there is something to search for. */
export function enterSearch() {
  parts.words.value = state.text;
  parts.limit.value = state.limit;
  parts.like.value = state.like;
  parts.pasted.value = state.pasted;
  showSource();
  showChips();
  const wanted = state.text || (state.vector === 'like' && state.like) || (state.vector === 'pasted' && state.pasted);
  if (wanted) run();
  else parts.results.hidden = true;
}

function submit() {
  state.text = parts.words.value.trim();
  state.like = parts.like.value.trim();
  state.pasted = parts.pasted.value.trim();
  state.limit = Math.min(Math.max(Math.trunc(Number(parts.limit.value)) || 5, 1), 50);
  parts.limit.value = state.limit;
  writeState();
  run();
}

function findLike(id) {
  state.vector = 'like';
  parts.like.value = id;
  showSource();
  submit();
  parts.like.focus();
}

/** Adds a filter once the server has read it; its fault is shown by the field. */
async function addFilter(text) {
  if (!text || state.filters.includes(text)) return;
  try {
    await call('POST', at(state.collection, 'count'), { filter: text });
  } catch (fault) {
    show(parts.filterFault, fault.message);
    parts.filter.setAttribute('aria-invalid', 'true');
    announce(fault.message);
    parts.filter.focus();
    return;
  }
  show(parts.filterFault);
  parts.filter.removeAttribute('aria-invalid');
  parts.filter.value = '';
  changeFilters([...state.filters, text], `Filter added: ${text}`);
}

function changeFilters(filters, said) {
  state.filters = filters;
  writeState();
  showChips();
  announce(said);
  if (!parts.results.hidden) run();
}

function showChips() {
  const remove = (index) => {
    const gone = state.filters[index];
    changeFilters(state.filters.filter((_, i) => i !== index), `Filter removed: ${gone}`);
    (parts.chips.querySelector('button') ?? parts.filter).focus();
  };
  parts.chips.hidden = !state.filters.length;
  show(
    parts.chips,
    state.filters.map((text, i) =>
      el('button', { type: 'button', class: 'chip', 'aria-label': `Remove the filter ${text}`, on: { click: () => remove(i) } }, text),
    ),
  );
}

/** Searches for every column at once; an older search is abandoned. */
async function run() {
  running?.abort();
  const turn = (running = new AbortController());
  const { signal } = turn;
  parts.results.hidden = false;
  show(parts.verdicts);
  if (!state.collection) return;
  Object.values(parts.columns).forEach((one) => one.wait());
  try {
    const schema = await schemaOf(state.collection);
    const requests = await columnRequests(state, schema, signal);
    const counted = await Promise.all(Object.entries(requests).map((one) => fillColumn(one, signal)));
    if (signal.aborted) return;
    last = requests;
    const said = counted.map(([title, count]) => `${title}: ${count === null ? 'none' : `${count} hits`}`);
    announce(said.join(', '));
    await countFacets(counted.flatMap(([, , hits]) => hits ?? []), signal);
  } catch (fault) {
    if (fault.name === 'AbortError') return;
    notice(fault.message);
    Object.values(parts.columns).forEach((one) => one.fail(fault.message, true));
  }
}

async function fillColumn([mode, { request, reason }], signal) {
  const one = parts.columns[mode];
  if (!request) {
    one.fail(reason, false);
    return [one.title, null];
  }
  try {
    const answer = await call('POST', at(state.collection, 'search'), request, { signal });
    one.fill(answer);
    return [one.title, answer.hits.length, answer.hits];
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    one.fail(fault.message, true);
    return [one.title, null];
  }
}

/** Counts the values at the payload paths that the hits have. */
async function countFacets(hits, signal) {
  const paths = [...new Set(hits.flatMap((hit) => pathsOf(hit.payload)))].slice(0, MAX_FACETS);
  const filter = together(state.filters);
  const one = async (field) => {
    try {
      return await call('POST', at(state.collection, 'facet'), { field, filter, limit: MAX_FACET_VALUES }, { signal });
    } catch (fault) {
      if (fault.name === 'AbortError') throw fault;
      return null;
    }
  };
  const counts = (await Promise.all(paths.map(one))).filter((found) => found?.values.length);
  parts.facetsFrame.hidden = !counts.length;
  show(parts.facets, counts.map(facet));
}

function facet({ field, values, distinct }) {
  const id = unique('facet');
  const more = distinct > values.length ? ` (${number(values.length)} of ${number(distinct)})` : '';
  const item = ({ value, count }) => {
    const filter = equals(field, value);
    const add = () => (state.filters.includes(filter) ? null : changeFilters([...state.filters, filter], `Filter added: ${filter}`));
    return el(
      'li',
      {},
      el('button', { type: 'button', class: 'small', title: plain(value), on: { click: add } }, el('span', {}, plain(value)), el('span', { class: 'soft' }, count)),
    );
  };
  return el('div', {}, el('h3', { id, class: 'small' }, `${field}${more}`), el('ul', { 'aria-labelledby': id }, values.map(item)));
}

async function askWhyNot() {
  const id = parts.why.value.trim();
  if (!id) return;
  show(parts.verdicts);
  for (const [mode, { request, reason }] of Object.entries(last)) {
    let node;
    if (!request) {
      node = el('div', {}, el('h4', {}, TITLES[mode]), el('p', { class: 'soft' }, reason));
    } else {
      try {
        node = verdict(TITLES[mode], await call('POST', at(state.collection, 'explain'), { ...request, why_not: id }));
      } catch (fault) {
        node = el('div', {}, el('h4', {}, TITLES[mode]), el('p', { class: 'fault' }, fault.message));
      }
    }
    parts.verdicts.append(node);
  }
}
