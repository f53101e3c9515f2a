// The frame of the page: tabs, the state in the address, and the dialogs.

import { documentPath, call, key, setKey, whenRefused } from './api.js';
import { announce, byId, el, facts, plain, show, table, unique } from './dom.js';

/** Numbers of a vector that a document shows. */
const SHOWN_NUMBERS = 8;

/** The state of the page, as the address keeps it. The key is never in it. */
export const state = { tab: 'search', collection: '', text: '', vector: 'text', like: '', pasted: '', limit: 5, filters: [] };

/** Longest pasted vector that the address keeps, in characters. */
const MAX_PASTED = 4000;

export function writeState(replace = false) {
  const parts = new URLSearchParams({ tab: state.tab });
  if (state.collection) parts.set('c', state.collection);
  if (state.text) parts.set('q', state.text);
  if (state.vector !== 'text') parts.set('v', state.vector);
  if (state.like) parts.set('like', state.like);
  if (state.pasted && state.pasted.length <= MAX_PASTED) parts.set('vec', state.pasted);
  if (state.limit !== 5) parts.set('k', state.limit);
  state.filters.forEach((filter) => parts.append('f', filter));
  const hash = `#${parts}`;
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, '', hash);
  else history.pushState(null, '', hash);
}

export function readState() {
  const parts = new URLSearchParams(location.hash.slice(1));
  state.tab = parts.get('tab') ?? 'search';
  state.collection = parts.get('c') ?? state.collection;
  state.text = parts.get('q') ?? '';
  state.vector = ['text', 'like', 'pasted'].includes(parts.get('v')) ? parts.get('v') : 'text';
  state.like = parts.get('like') ?? '';
  state.pasted = parts.get('vec') ?? '';
  const limit = Number(parts.get('k'));
  state.limit = Number.isInteger(limit) && limit >= 1 && limit <= 50 ? limit : 5;
  state.filters = parts.getAll('f');
}

const tabs = [];

/** Adds a tab: its name in addresses, its label, the function that builds its panel once, and that which is called each
 * time it is shown. */
export function addTab({ name, label, build, enter }) {
  const tab = el('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `panel-${name}` }, label);
  const panel = el('section', { role: 'tabpanel', id: `panel-${name}`, 'aria-labelledby': `tab-${name}`, class: 'stack' });
  panel.hidden = true;
  tab.addEventListener('click', () => choose(name));
  tab.addEventListener('keydown', (event) => move(event, name));
  tabs.push({ name, tab, panel, enter, hidden: false });
  byId('tabs').append(tab);
  byId('panels').append(panel);
  build(panel);
}

const shownTabs = () => tabs.filter((one) => !one.hidden);

/** Shows or hides a tab. */
export function allowTab(name, allowed) {
  const one = tabs.find((other) => other.name === name);
  one.hidden = !allowed;
  one.tab.hidden = !allowed;
  if (!allowed && state.tab === name) choose('search', true);
}

function move(event, name) {
  const shown = shownTabs();
  const index = shown.findIndex((one) => one.name === name);
  const next = {
    ArrowRight: (index + 1) % shown.length,
    ArrowLeft: (index + shown.length - 1) % shown.length,
    Home: 0,
    End: shown.length - 1,
  }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  choose(shown[next].name);
  shown[next].tab.focus();
}

/** Chooses a tab; an unknown one is the search. */
export function choose(name, replace = false) {
  const chosen = shownTabs().find((one) => one.name === name) ?? tabs[0];
  state.tab = chosen.name;
  for (const one of tabs) {
    const on = one === chosen;
    one.tab.setAttribute('aria-selected', on);
    one.tab.tabIndex = on ? 0 : -1;
    one.panel.hidden = !on;
  }
  document.title = `${chosen.tab.textContent} – lexivec`;
  writeState(replace);
  chosen.enter?.();
}

/** Shows a notice above the panels, or takes it away. */
export function notice(text) {
  const node = byId('notice');
  node.hidden = !text;
  show(node, text ?? '');
}

/** Calls `act` with a new key, or without one. */
export function keyDialog(act) {
  const dialog = byId('key-dialog');
  const open = (why) => {
    if (dialog.open) return;
    byId('key-field').value = key();
    dialog.returnValue = '';
    if (why) notice('The server asks for a key, or does not accept this one.');
    dialog.showModal();
  };
  byId('key-button').addEventListener('click', () => open(false));
  whenRefused(() => open(true));
  // The first button of the form is what the enter key presses.
  dialog.addEventListener('close', () => {
    const { returnValue } = dialog;
    if (returnValue === 'use') setKey(byId('key-field').value.trim());
    if (returnValue === 'forget') setKey('');
    byId('key-field').value = '';
    if (returnValue === 'use' || returnValue === 'forget') {
      notice('');
      act();
    }
  });
}

/** Asks before something is done; true if it may be. */
export function confirmed(title, text, yes) {
  const dialog = byId('confirm-dialog');
  show(byId('confirm-title'), title);
  show(byId('confirm-text'), text);
  show(byId('confirm-yes'), yes);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true });
  });
}

/** Shows a document of the collection. */
export async function openDocument(id) {
  let found;
  try {
    found = await call('GET', documentPath(state.collection, id));
  } catch (fault) {
    announce(fault.message);
    notice(fault.message);
    return;
  }
  show(byId('document-title'), found.id);
  const part = (title, content) => {
    const name = unique('part');
    return [el('h4', { id: name }, title), content];
  };
  const texts = Object.entries(found.text ?? {}).map(([name, text]) => part(name, el('p', { class: 'text' }, text)));
  const payload = Object.entries(found.payload ?? {});
  const vectors = Object.entries(found.vectors ?? {}).map(([name, vector]) => {
    const first = vector.slice(0, SHOWN_NUMBERS).map((x) => x.toFixed(4)).join(', ');
    const more = vector.length > SHOWN_NUMBERS ? ', …' : '';
    return [name, `${vector.length} numbers: ${first}${more}`];
  });
  show(
    byId('document-body'),
    texts,
    payload.length > 0 && part('Payload', table('Values by key', ['Key', 'Value'], payload.map(([name, value]) => [name, plain(value)]))),
    vectors.length > 0 && part('Vectors', facts(vectors)),
  );
  byId('document-dialog').showModal();
}
