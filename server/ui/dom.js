// Elements made of text and attributes. Data becomes text nodes and is never read as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    } else if (name === 'value') {
      node.value = value;
    } else if (name.startsWith('on') || name === 'style') {
      throw new Error(`${name} is no attribute of this page`);
    } else {
      node.setAttribute(name, value === true ? '' : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) node.append(child);
  }
  return node;
}

/** An element of HTML. Children are nodes, or values that are shown as text. */
export function el(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children.map(asChild));
}

/** An element of SVG. */
export function svg(tag, properties, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children.map(asChild));
}

function asChild(child) {
  if (Array.isArray(child)) return child.map(asChild);
  return typeof child === 'number' ? String(child) : child;
}

export const byId = (id) => document.getElementById(id);

/** Puts nodes in place of what an element has. */
export function show(node, ...children) {
  node.replaceChildren();
  return fill(node, null, children.map(asChild));
}

let last = 0;
/** A name for an id attribute, used once in this page. */
export const unique = (stem) => `${stem}-${(last += 1)}`;

/** A field with its label. */
export function labelled(text, field, kind = 'grow') {
  field.id ||= unique('field');
  return el('div', { class: kind }, el('label', { for: field.id }, text), field);
}

/** A table in a frame that scrolls by itself, so that the page never does. Cells are values or nodes; numbers stand right. */
export function table(caption, head, rows, foot) {
  const kind = (value) => (typeof value === 'number' ? { class: 'number' } : {});
  const cell = (tag, value, extra) => el(tag, { ...kind(value), ...extra }, asText(value));
  const line = (row) =>
    el('tr', {}, row.map((value, i) => (i ? cell('td', value) : cell('th', value, { scope: 'row' }))));
  const first = rows[0] ?? [];
  const name = unique('caption');
  return el(
    'div',
    { class: 'scroll', role: 'group', 'aria-labelledby': name, tabindex: '0' },
    el(
      'table',
      {},
      el('caption', { id: name }, caption),
      el('thead', {}, el('tr', {}, head.map((text, i) => el('th', { scope: 'col', ...kind(first[i]) }, text)))),
      el('tbody', {}, rows.map(line)),
      foot && el('tfoot', {}, line(foot)),
    ),
  );
}

const asText = (value) => (typeof value === 'number' ? number(value) : value);

/** A list of names and values. */
export function facts(pairs) {
  return el('dl', { class: 'facts' }, pairs.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, asText(value)))));
}

export function number(value) {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 0.0001) ? value.toExponential(3) : value.toFixed(4);
}

export function bytes(count) {
  if (count === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let value = count;
  while (value >= 1024 && at < units.length - 1) [value, at] = [value / 1024, at + 1];
  return `${at ? value.toFixed(1) : value} ${units[at]}`;
}

/** Says something to screen readers. */
export function announce(text) {
  show(byId('live'), text);
}

/** A value of a payload as text. */
export const plain = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
