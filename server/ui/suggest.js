// The search box: a combobox whose list completes the word that is being typed.

import { at, call } from './api.js';
import { el, show, unique } from './dom.js';
import { state } from './shell.js';
import { together } from './query.js';

/** Pause after a key until the server is asked, in milliseconds. */
const PAUSE = 120;

/** Makes a text box suggest; `search` runs with the text that is chosen or typed. */
export function suggesting(input, search) {
  const list = el('ul', { class: 'suggestions', role: 'listbox', id: unique('suggestions'), 'aria-label': 'Suggestions' });
  list.hidden = true;
  let [timer, asked, active, texts] = [0, 0, -1, []];
  for (const [name, value] of Object.entries({
    role: 'combobox',
    'aria-autocomplete': 'list',
    'aria-controls': list.id,
    'aria-expanded': 'false',
    autocomplete: 'off',
    spellcheck: 'false',
  })) input.setAttribute(name, value);

  const close = () => {
    clearTimeout(timer);
    asked += 1;
    [active, texts] = [-1, []];
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };
  const mark = (next) => {
    active = next;
    [...list.children].forEach((item, i) => item.setAttribute('aria-selected', i === active));
    if (active < 0) input.removeAttribute('aria-activedescendant');
    else input.setAttribute('aria-activedescendant', list.children[active].id);
  };
  const take = (text) => {
    input.value = text;
    close();
    search();
  };
  const open = (found) => {
    texts = [...(found.did_you_mean ? [found.did_you_mean.text] : []), ...found.completions.map((one) => one.text)];
    const counts = [...(found.did_you_mean ? ['did you mean'] : []), ...found.completions.map((one) => `${one.documents} documents`)];
    if (!texts.length) return close();
    show(
      list,
      texts.map((text, i) =>
        el(
          'li',
          { role: 'option', id: `${list.id}-${i}`, 'aria-selected': 'false', on: { mousedown: (event) => (event.preventDefault(), take(text)) } },
          el('span', {}, text),
          el('span', { class: 'soft small' }, counts[i]),
        ),
      ),
    );
    list.hidden = false;
    input.setAttribute('aria-expanded', 'true');
    mark(-1);
  };
  const ask = async () => {
    const turn = (asked += 1);
    const text = input.value;
    if (!text.trim() || !state.collection) return close();
    try {
      const found = await call('POST', at(state.collection, 'suggest'), { text, limit: 6, filter: together(state.filters) }, { quiet: true });
      if (turn === asked && document.activeElement === input) open(found);
    } catch {
      if (turn === asked) close();
    }
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener('blur', close);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && active >= 0) {
      event.preventDefault();
      take(texts[active]);
    } else if (event.key === 'Enter') {
      close();
    } else if (event.key === 'Escape' && !list.hidden) {
      event.preventDefault();
      close();
    } else if (['ArrowDown', 'ArrowUp'].includes(event.key) && !list.hidden) {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : -1;
      const count = texts.length + 1;
      mark(((active + 1 + step + count) % count) - 1);
    }
  });
  return list;
}
