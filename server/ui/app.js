// The beginning of the page: its tabs, the choice of a collection, and the state in the address.

import { at, call } from './api.js';
import { buildCollections, enterCollections } from './collections.js';
import { byId, el, show } from './dom.js';
import { buildKeys, enterKeys, offerKeys } from './keys.js';
import { buildMap, enterMap } from './map.js';
import { buildRecall, enterRecall } from './recall.js';
import { buildSearch, enterSearch } from './search.js';
import { addTab, allowTab, choose, keyDialog, notice, readState, state, writeState } from './shell.js';

const schemas = new Map();

/** The schema of a collection, asked for once. */
async function schemaOf(collection) {
  if (!collection) return {};
  if (!schemas.has(collection)) schemas.set(collection, (await call('GET', at(collection))).schema);
  return schemas.get(collection);
}

/** Asks for the collections that this caller reaches, and chooses one of them. */
async function loadCollections() {
  schemas.clear();
  const chooser = byId('collection');
  try {
    const names = (await call('GET', 'v1/collections')).collections.map((one) => one.name);
    show(chooser, names.map((name) => el('option', { value: name }, name)));
    if (!names.includes(state.collection)) state.collection = names[0] ?? '';
    chooser.value = state.collection;
    if (!names.length) notice('The server has no collection that this caller reaches.');
  } catch (fault) {
    show(chooser);
    notice(fault.message);
  }
}

function chooseCollection(name) {
  state.collection = name;
  state.filters = [];
  byId('collection').value = name;
  writeState();
  choose(state.tab, true);
}

async function begin() {
  await loadCollections();
  await offerKeys();
  choose(state.tab, true);
}

readState();
addTab({ name: 'search', label: 'Search', build: (panel) => buildSearch(panel, schemaOf), enter: enterSearch });
addTab({ name: 'collections', label: 'Collections', build: (panel) => buildCollections(panel, chooseCollection), enter: enterCollections });
addTab({ name: 'recall', label: 'Recall', build: (panel) => buildRecall(panel, schemaOf), enter: enterRecall });
addTab({ name: 'map', label: 'Map', build: (panel) => buildMap(panel, schemaOf), enter: enterMap });
addTab({ name: 'keys', label: 'Keys and audit', build: buildKeys, enter: enterKeys });
allowTab('keys', state.tab === 'keys');
keyDialog(begin);
byId('collection').addEventListener('change', (event) => chooseCollection(event.target.value));
addEventListener('popstate', () => {
  readState();
  byId('collection').value = state.collection;
  choose(state.tab, true);
});
begin();
