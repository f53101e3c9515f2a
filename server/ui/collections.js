// Collections: the list, and one of them with its segments, schema, snapshots and maintenance.

import { at, call } from './api.js';
import { announce, bytes, el, facts, show, table } from './dom.js';
import { confirmed, state } from './shell.js';

const ACTS = {
  flush: { label: 'Flush', text: 'The log is written into segment files.', path: 'flush' },
  compact: { label: 'Compact', text: 'Segments are merged. This may take minutes; searches go on.', path: 'compact' },
  verify: { label: 'Verify', text: 'All files are read and their checksums compared.', path: 'verify?level=full' },
};

const parts = {};
let chooseCollection = () => {};

/** Builds the panel; `choice` is called with the name of a collection that is chosen here. */
export function buildCollections(panel, choice) {
  chooseCollection = choice;
  parts.list = el('div', {});
  parts.one = el('div', { class: 'stack' });
  show(panel, el('h2', {}, 'Collections'), parts.list, parts.one);
}

/** Shows the list, and the chosen collection. */
export async function enterCollections() {
  try {
    const { collections, unopened = [], damaged = [] } = await call('GET', 'v1/collections');
    const open = (name) => el('button', { type: 'button', class: 'link', on: { click: () => chooseCollection(name) } }, name);
    const faulty = new Map(damaged.map((one) => [one.name, one.reason]));
    show(
      parts.list,
      table(
        'All collections',
        ['Name', 'Documents', 'Size', 'Health'],
        collections.map((one) => [open(one.name), one.documents, bytes(one.bytes), faulty.get(one.name) ?? 'sound']),
      ),
      unopened.map((one) => el('p', { class: 'fault' }, `${one.name ?? one.path ?? 'A collection'} cannot be opened: ${one.reason}`)),
    );
    await showOne();
  } catch (fault) {
    show(parts.list, el('p', { class: 'fault' }, fault.message));
    show(parts.one);
  }
}

async function showOne() {
  if (!state.collection) return show(parts.one, el('p', { class: 'soft' }, 'There is no collection yet.'));
  const found = await call('GET', at(state.collection));
  const snapshots = await snapshotsOf(state.collection);
  const outcome = el('div', { role: 'status' });
  show(
    parts.one,
    el('h3', {}, found.name),
    facts([
      ['Documents', found.documents],
      ['Deleted rows', found.dead_rows ?? '–'],
      ['Size', bytes(found.bytes)],
      ['Tokens', found.tokens ?? '–'],
      ['In the log', found.recent_rows ?? '–'],
      ['Generation', found.generation ?? '–'],
      ['Writes', found.seq ?? '–'],
      ['Health', found.damage || found.failure ? 'damaged' : 'sound'],
    ]),
    [found.damage, found.failure, found.old_analysis].filter(Boolean).map((text) => el('p', { class: 'fault' }, text)),
    found.torn && el('p', { class: 'notice' }, `The log ended in a write that was cut off: ${found.torn.join(', byte ')}`),
    found.segments && segments(found.segments),
    el('div', { class: 'buttons' }, Object.values(ACTS).map((act) => actButton(act, outcome))),
    outcome,
    snapshots,
    el('details', {}, el('summary', {}, 'Schema'), el('pre', {}, JSON.stringify(found.schema, null, 2))),
  );
}

function segments(list) {
  const rows = list.map((one) => [one.file, one.rows, one.live, one.rows - one.live, bytes(one.bytes), one.graphs.join(', ') || 'none']);
  return table('Segments', ['File', 'Rows', 'Live', 'Deleted', 'Size', 'Graphs'], rows);
}

async function snapshotsOf(collection) {
  try {
    const { snapshots } = await call('GET', at(collection, 'snapshots'), undefined, { quiet: true });
    if (!snapshots.length) return el('p', { class: 'soft' }, 'No snapshots.');
    const rows = snapshots.map((one) => [one.name, one.generation, one.files, bytes(one.bytes)]);
    return table('Snapshots', ['Name', 'Generation', 'Files', 'Size'], rows);
  } catch (fault) {
    return el('p', { class: 'soft' }, `Snapshots are not shown: ${fault.message}`);
  }
}

function actButton({ label, text, path }, outcome) {
  const button = el('button', { type: 'button' }, `${label}…`);
  button.addEventListener('click', async () => {
    const { collection } = state;
    if (!(await confirmed(`${label} ${collection}?`, text, label))) return;
    button.disabled = true;
    show(outcome, el('p', {}, `${label}: running`));
    try {
      const report = await call('POST', at(collection, path));
      show(outcome, el('p', { class: 'notice' }, `${label}: done`), el('pre', { class: 'small' }, JSON.stringify(report, null, 2)));
    } catch (fault) {
      const refused = fault.status === 403 ? `${label} is refused to this key: ` : `${label} failed: `;
      show(outcome, el('p', { class: 'fault' }, refused + fault.message));
      if (fault.status === 403) {
        announce(refused + fault.message);
        return;
      }
    } finally {
      button.disabled = false;
      button.focus();
    }
  });
  return button;
}
