// The ledger of a hit: its parts as bars, and as a table in which they are added up.

import { el, number, svg, table } from './dom.js';

const WIDTH = 200;
const HEIGHT = 12;

/** The parts of a score: legs, or a reranker in their place. */
function parts(ledger) {
  const legs = ledger.contributions.map((one) => ({ name: one.leg, value: one.contribution }));
  const reranked = ledger.rerank?.score;
  return reranked === undefined || reranked === null ? legs : [{ name: 'rerank', value: reranked }];
}

/** Largest extent of the bars of some hits to each side of zero; they are drawn in one scale. */
export function extent(hits) {
  let [left, right] = [0, 0];
  for (const hit of hits) {
    const values = parts(hit.ledger).map((part) => part.value);
    left = Math.max(left, -values.filter((v) => v < 0).reduce((sum, v) => sum + v, 0));
    right = Math.max(right, values.filter((v) => v > 0).reduce((sum, v) => sum + v, 0));
  }
  return { left, right };
}

function drawing(ledger, { left, right }) {
  const scale = left + right > 0 ? WIDTH / (left + right) : 0;
  const zero = left * scale;
  let [down, up] = [zero, zero];
  const bars = parts(ledger).map(({ name, value }) => {
    const width = Math.abs(value) * scale;
    if (value < 0) down -= width;
    const x = value < 0 ? down : up;
    if (value > 0) up += width;
    return svg('rect', { x, y: 2, width, height: HEIGHT - 4, class: `bar-${name}` });
  });
  return svg(
    'svg',
    { class: 'bars', viewBox: `-1 0 ${WIDTH + 2} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false' },
    bars,
    svg('line', { x1: zero, x2: zero, y1: 0, y2: HEIGHT, class: 'bar-axis' }),
  );
}

const swatch = (name) => el('span', { class: `key-${name}`, 'aria-hidden': 'true' });

function sums(ledger) {
  const rows = ledger.contributions.map((one) => [
    el('span', {}, swatch(one.leg), one.completed ? `${one.leg} (completed)` : one.leg),
    one.rank ?? '–',
    one.score,
    one.normalized ?? '–',
    one.weight,
    one.contribution,
  ]);
  const sum = ledger.contributions.reduce((total, one) => total + one.contribution, 0);
  const foot = ['Sum', '', '', '', '', sum];
  return table('Parts of the score', ['Leg', 'Rank', 'Score', 'Normalised', 'Weight', 'Part'], rows, foot);
}

function terms(ledger) {
  if (!ledger.terms?.length) return null;
  const rows = ledger.terms.map((one) => [
    one.expansion ? `${one.term} (for ${one.expansion.words})` : one.term,
    one.field,
    one.tf,
    one.idf,
    one.contribution,
  ]);
  const sum = ledger.terms.reduce((total, one) => total + one.contribution, 0);
  return table('Terms of the text score', ['Term', 'Field', 'Times', 'Rarity (idf)', 'Part'], rows, ['Sum', '', '', '', sum]);
}

/** The ledger of a hit: bars at once, tables on request. */
export function ledger(hit, scale) {
  const { rerank, score } = hit.ledger;
  const said = hit.ledger.contributions.map((one) => `${one.leg} ${number(one.contribution)}`).join(' + ');
  return [
    drawing(hit.ledger, scale),
    el(
      'details',
      { class: 'small' },
      el('summary', {}, said ? `${said} = ${number(rerank ? rerank.fused : score)}` : 'Score'),
      sums(hit.ledger),
      rerank && el('p', {}, rerank.score === undefined ? 'The reranker gave it no score.' : `Reranked: ${number(rerank.score)}`),
      terms(hit.ledger),
    ),
  ];
}

/** The meaning of the colours. */
export function barKey() {
  return el(
    'p',
    { class: 'small soft' },
    swatch('text'), 'words (BM25) ',
    swatch('vector'), 'vectors',
    ' – a bar to the left of the line is a negative part.',
  );
}
