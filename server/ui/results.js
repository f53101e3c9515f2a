// One column of results: hits with passages, ledgers and payloads, the plan, and why a document is not there.

import { barKey, extent, ledger } from './bars.js';
import { announce, el, facts, number, plain, show, table } from './dom.js';
import { openDocument } from './shell.js';

/** Payload values shown with a hit; the document has all. */
const MAX_VALUES = 6;
/** Characters of a payload value shown with a hit. */
const MAX_CHARS = 80;

const shortened = (text) => (text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text);

/** The passages of a hit, with the words that were found marked. */
function passages(highlight) {
  return Object.entries(highlight ?? {}).map(([field, pieces]) => {
    const bySnippet = Map.groupBy ? Map.groupBy(pieces, (p) => p.snippet ?? 0) : groups(pieces);
    return [...bySnippet.values()].map((some) =>
      el('p', { class: 'passage' }, el('span', { class: 'unseen' }, `${field}: `), some.map((p) => (p.found ? el('mark', {}, p.text) : p.text))),
    );
  });
}

function groups(pieces) {
  const found = new Map();
  for (const piece of pieces) {
    const at = piece.snippet ?? 0;
    found.set(at, [...(found.get(at) ?? []), piece]);
  }
  return found;
}

function payload(values) {
  const shown = Object.entries(values ?? {}).slice(0, MAX_VALUES);
  if (!shown.length) return null;
  return el('dl', { class: 'payload small' }, shown.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, shortened(plain(value))))));
}

function hitItem(hit, scale, like) {
  const open = el('button', { type: 'button', class: 'link', on: { click: () => openDocument(hit.id) } }, hit.id);
  const similar = el(
    'button',
    { type: 'button', class: 'link small', 'aria-label': `Like this: documents close to ${hit.id}`, on: { click: () => like(hit.id) } },
    'Like this',
  );
  return el(
    'li',
    {},
    el('div', { class: 'hit-title' }, el('h4', {}, open), el('span', { class: 'score' }, el('span', { class: 'unseen' }, 'score '), number(hit.score))),
    passages(hit.highlight),
    ledger(hit, scale),
    payload(hit.payload),
    similar,
  );
}

const strategyName = (strategy) =>
  typeof strategy === 'string' ? strategy : Object.entries(strategy).map(([name, { ef }]) => `${name} (ef ${ef})`).join();

function plan(answer) {
  const about = facts([
    ['Documents admitted', answer.matching],
    ['Exact', answer.exact ? 'yes' : 'no'],
    ['Generation', answer.generation],
  ]);
  const rows = (answer.plan ?? []).map((one, index) => [
    `Segment ${index + 1}`,
    strategyName(one.strategy),
    one.matching,
    one.cost,
    one.actual,
    one.alternatives.map(([other, cost]) => `${strategyName(other)} ${number(cost)}`).join(', ') || '–',
  ]);
  return el(
    'details',
    { class: 'small' },
    el('summary', {}, 'Plan'),
    about,
    rows.length > 0 &&
      table('Vector leg by segment, costs in µs', ['Segment', 'Strategy', 'Matching', 'Estimated', 'Done', 'Alternatives'], rows),
  );
}

/** A column with its heading; `fill` shows an answer or a reason in it. */
export function column(title, { like, correct }) {
  const body = el('div', {});
  const heading = el('h3', { id: `column-${title.toLowerCase()}` }, title);
  const node = el('section', { class: 'column', 'aria-labelledby': heading.id }, heading, body);
  return {
    node,
    title,
    wait: () => node.setAttribute('aria-busy', 'true'),
    fail: (reason, isFault) => {
      node.removeAttribute('aria-busy');
      show(body, el('p', { class: isFault ? 'fault' : 'soft' }, reason));
    },
    fill: (answer) => {
      node.removeAttribute('aria-busy');
      const scale = extent(answer.hits);
      const meant = answer.did_you_mean;
      show(
        body,
        meant && el('p', {}, 'Did you mean ', el('button', { type: 'button', class: 'link', on: { click: () => correct(meant) } }, meant), '?'),
        answer.notices?.map((text) => el('p', { class: 'notice' }, text)),
        answer.hits.length === 0 && el('p', { class: 'soft' }, 'No document.'),
        el('ol', { class: 'hits' }, answer.hits.map((hit) => hitItem(hit, scale, like))),
        plan(answer),
      );
    },
  };
}

export { barKey };

const STAGES = {
  not_in_collection: () => 'No document has this id.',
  filtered: (w) => `The filter does not admit it: ${w.clause}`,
  not_found: () => 'No leg matches it.',
  outside_window: () => 'It is too far down in every leg that matches it.',
  missed_by_walk: () => 'The approximate search did not find it, though it belongs to the best.',
  below_threshold: (w) => `Its score ${w.score === null ? '' : number(w.score)} is below the threshold ${number(w.threshold)}.`,
  reranked: (w) => `The reranker moved it from rank ${w.from_rank} to ${w.to_rank}.`,
  cut: (w) => `It has rank ${w.rank}, and the list ends at ${w.last}.`,
  passed_over: (w) => `It has rank ${w.rank}, before the beginning of the page.`,
  in_answer: (w) => `It is in the answer, at rank ${w.rank}.`,
};

const PLACES = {
  found: (leg) => `brought it at rank ${leg.rank}, score ${number(leg.score)}`,
  outside: (leg) => `has it at rank ${leg.rank} (score ${number(leg.score)}), and brings ${leg.window}`,
  missed: (leg) => `missed it; its rank would be ${leg.rank}`,
  absent: (leg) => leg.why,
};

/** Why a document is not in an answer, or where it is. */
export function verdict(title, found) {
  const said = STAGES[found.stage]?.(found) ?? found.stage;
  announce(`${title}: ${said}`);
  const legs = (found.legs ?? []).map((leg) => el('li', {}, `${leg.leg}: ${PLACES[leg.place]?.(leg) ?? leg.place}`));
  return el('div', {}, el('h4', {}, title), el('p', {}, said), legs.length > 0 && el('ul', { class: 'small' }, legs));
}
