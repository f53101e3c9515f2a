// From the state of the page to requests: filters as text, and one request for each column.

import { call, documentPath } from './api.js';

const WORD = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const KEYWORDS = /\b(and|or|not|true|false|null|in|is|between|contains|match|exists|at_least|has_id)\b/i;

/** A payload path as filters write it. */
const path = (name) => (WORD.test(name) && !KEYWORDS.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

function literal(value) {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  return typeof value === 'boolean' ? String(value).toUpperCase() : String(value);
}

/** The filter of the documents with a value at a path. */
export const equals = (name, value) => `${path(name)} = ${literal(value)}`;

/** All filters as one; undefined if there are none. */
export function together(filters) {
  if (!filters.length) return undefined;
  return filters.length === 1 ? filters[0] : filters.map((filter) => `(${filter})`).join(' AND ');
}

/** Reads numbers as they are pasted: JSON, or separated by commas or spaces. */
export function readVector(text) {
  const numbers = text.replace(/[[\]]/g, ' ').split(/[\s,;]+/).filter(Boolean).map(Number);
  return numbers.length && numbers.every(Number.isFinite) ? numbers : null;
}

/** The vector of the query, if it is not made from the text: `{vector}`, `{reason}` why there is none, or `{}`. */
async function queryVector(state, schema, signal) {
  const field = schema.vectors?.[0];
  if (!field) return { reason: 'The collection has no vectors.' };
  if (state.vector === 'pasted') {
    const vector = readVector(state.pasted);
    if (!vector) return { reason: 'Paste the numbers of a vector.' };
    const right = vector.length === field.dim;
    return right ? { vector } : { reason: `The vector has ${vector.length} numbers, the field ${field.dim}.` };
  }
  if (state.vector === 'like') {
    if (!state.like) return { reason: 'Give the id of a document.' };
    const found = await call('GET', documentPath(state.collection, state.like), undefined, { signal });
    const vector = found.vectors?.[field.name];
    return vector ? { vector } : { reason: `The document ${state.like} has no vector.` };
  }
  if (!schema.embedder) return { reason: 'The collection has no model that makes vectors of words: choose a document, or paste a vector.' };
  return state.text ? {} : { reason: 'Type some words.' };
}

/** The request of each column, or the reason why it has none. */
export async function columnRequests(state, schema, signal) {
  const made = {
    limit: state.limit,
    filter: together(state.filters),
    highlight: { max_chars: 220, snippets: 2 },
    explain: true,
  };
  const text = state.text || undefined;
  let vector;
  try {
    vector = await queryVector(state, schema, signal);
  } catch (fault) {
    if (fault.name === 'AbortError') throw fault;
    vector = { reason: fault.message };
  }
  const withVector = (mode, words) =>
    vector.reason ? { reason: vector.reason } : { request: { ...made, mode, text: words, vector: vector.vector } };
  return {
    text: text ? { request: { ...made, mode: 'text', text } } : { reason: 'Type some words.' },
    vector: withVector('vector', vector.vector ? undefined : text),
    hybrid: text ? withVector('hybrid', text) : { reason: 'Type some words.' },
  };
}

const isScalar = (value) => ['string', 'number', 'boolean'].includes(typeof value);

/** Paths of the values in a payload, arrays flattened. */
export function pathsOf(payload, before = '', depth = 0) {
  const found = [];
  for (const [name, value] of Object.entries(payload ?? {})) {
    const here = before ? `${before}.${name}` : name;
    if (isScalar(value) || (Array.isArray(value) && value.some(isScalar))) found.push(here);
    else if (value && typeof value === 'object' && !Array.isArray(value) && depth < 3) found.push(...pathsOf(value, here, depth + 1));
  }
  return found;
}
