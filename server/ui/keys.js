// Keys and the audit log, for administrators.

import { call } from './api.js';
import { announce, el, labelled, number, show, table } from './dom.js';
import { allowTab, confirmed } from './shell.js';

const ROLES = ['reader', 'writer', 'admin', 'site_admin'];
/** Entries of the audit log on one page. */
const ENTRIES = 25;

const parts = {};
let offset = 0;

export function buildKeys(panel) {
  Object.assign(parts, {
    list: el('div', {}),
    made: el('div', { role: 'status' }),
    fault: el('p', { class: 'fault', role: 'alert' }),
    name: el('input', { type: 'text', required: true, maxlength: 128, autocomplete: 'off' }),
    role: el('select', {}, ROLES.map((role) => el('option', { value: role }, role))),
    names: el('input', { type: 'text', value: '*', autocomplete: 'off' }),
    tenant: el('input', { type: 'text', autocomplete: 'off' }),
    expires: el('input', { type: 'date' }),
    action: el('input', { type: 'text', autocomplete: 'off', placeholder: 'key.create' }),
    date: el('input', { type: 'date' }),
    audit: el('div', { class: 'stack' }),
  });
  show(
    panel,
    el('h2', {}, 'Keys'),
    parts.list,
    el(
      'form',
      { class: 'card stack', 'aria-labelledby': 'new-key', on: { submit: (event) => (event.preventDefault(), create()) } },
      el('h3', { id: 'new-key' }, 'New key'),
      el(
        'div',
        { class: 'fields' },
        labelled('Name', parts.name),
        labelled('Role', parts.role, 'short'),
        labelled('Collections (names, or beginnings with *, separated by commas)', parts.names),
        labelled('Tenant (optional; confines the key to its rows)', parts.tenant),
        labelled('Expires (optional)', parts.expires, 'short'),
        el('button', { type: 'submit', class: 'main' }, 'Make the key'),
      ),
      parts.fault,
      parts.made,
    ),
    el('h2', {}, 'Audit log'),
    el(
      'form',
      { class: 'fields', 'aria-label': 'Audit log', on: { submit: (event) => (event.preventDefault(), (offset = 0), audit()) } },
      labelled('Action', parts.action),
      labelled('Day', parts.date, 'short'),
      el('button', { type: 'submit' }, 'Show'),
    ),
    parts.audit,
  );
}

/** Shows the tab if this caller may list keys. */
export async function offerKeys() {
  try {
    await call('GET', 'v1/keys', undefined, { quiet: true });
    allowTab('keys', true);
  } catch {
    allowTab('keys', false);
  }
}

export async function enterKeys() {
  show(parts.fault);
  await list();
  await audit();
}

const moment = (text) => (text ? text.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC') : '–');

function scopeText({ collections = ['*'], rows, tenant } = {}) {
  const some = collections.includes('*') ? 'all collections' : collections.join(', ');
  return [some, tenant && `tenant ${tenant}`, rows && `rows: ${typeof rows.filter === 'string' ? rows.filter : JSON.stringify(rows.filter)}`].filter(Boolean).join('; ');
}

async function list() {
  try {
    const { keys } = await call('GET', 'v1/keys');
    const acts = (one) =>
      one.state && one.state !== 'live'
        ? '–'
        : el(
            'span',
            { class: 'chips' },
            el('button', { type: 'button', class: 'link', 'aria-label': `Rotate ${one.name}`, on: { click: () => rotate(one) } }, 'Rotate'),
            el('button', { type: 'button', class: 'link', 'aria-label': `Revoke ${one.name}`, on: { click: () => revoke(one) } }, 'Revoke'),
          );
    const row = (one) => [one.name, one.id, one.role, scopeText(one.scope), one.state ?? '–', moment(one.created), moment(one.expires), moment(one.last_used), acts(one)];
    show(
      parts.list,
      keys.length === 0
        ? el('p', { class: 'notice' }, 'There is no key: the server answers every request on this machine. From the first key on, each request takes one. Make a site_admin first.')
        : table('Keys', ['Name', 'Id', 'Role', 'Scope', 'State', 'Made', 'Expires', 'Last use', 'Acts'], keys.map(row)),
    );
  } catch (fault) {
    show(parts.list, el('p', { class: 'fault' }, fault.message));
  }
}

function showMade({ key, name }, said) {
  const field = el('input', { type: 'text', readonly: true, value: key, class: 'mono', spellcheck: 'false', autocomplete: 'off' });
  field.addEventListener('focus', () => field.select());
  show(parts.made, el('div', { class: 'notice stack' }, el('p', {}, `${said} It is shown this once: keep it now.`), labelled(`Key ${name}`, field)));
  field.focus();
}

async function attempt(act) {
  show(parts.fault);
  show(parts.made);
  try {
    await act();
    await list();
  } catch (fault) {
    show(parts.fault, fault.message);
  }
}

function scopeAsked() {
  const collections = parts.names.value.split(',').map((name) => name.trim()).filter(Boolean);
  const tenant = parts.tenant.value.trim();
  if (!tenant) return { collections };
  const rows = { filter: { tenant: { $eq: tenant } }, stamp: { tenant } };
  return { collections, tenant, rows };
}

const create = () =>
  attempt(async () => {
    const made = await call('POST', 'v1/keys', {
      name: parts.name.value.trim(),
      role: parts.role.value,
      scope: scopeAsked(),
      expires: parts.expires.value ? `${parts.expires.value}T00:00:00Z` : undefined,
    });
    parts.name.value = '';
    showMade(made, `The key ${made.name} is made.`);
  });

const rotate = (one) =>
  attempt(async () => {
    const text = 'A new key takes its place; the old one is accepted for an hour more.';
    if (!(await confirmed(`Rotate ${one.name}?`, text, 'Rotate'))) return;
    showMade(await call('POST', `v1/keys/${encodeURIComponent(one.id)}/rotate`, { overlap_seconds: 3600 }), `The key ${one.name} is rotated.`);
  });

const revoke = (one) =>
  attempt(async () => {
    if (!(await confirmed(`Revoke ${one.name}?`, 'The key is refused from now on. This cannot be undone.', 'Revoke'))) return;
    await call('DELETE', `v1/keys/${encodeURIComponent(one.id)}`);
    announce(`The key ${one.name} is revoked.`);
  });

async function audit() {
  const query = new URLSearchParams({ limit: ENTRIES, offset });
  if (parts.action.value.trim()) query.set('action', parts.action.value.trim());
  if (parts.date.value) query.set('date', parts.date.value);
  try {
    const page = await call('GET', `v1/audit?${query}`);
    const row = (one) => [
      moment(one.timestamp),
      one.action,
      one.user_name || one.user_id || '–',
      [one.target_resource_type, one.target_resource].filter(Boolean).join(' ') || '–',
      one.description,
      one.ip_address,
    ];
    const turn = (to) => {
      offset = to;
      audit();
      announce(`Entries from ${to + 1}`);
    };
    show(
      parts.audit,
      table(`Entries, the newest first (${number(page.total)} in all)`, ['Time', 'Act', 'Caller', 'Target', 'Description', 'Address'], page.entries.map(row)),
      el(
        'div',
        { class: 'buttons' },
        el('button', { type: 'button', disabled: offset === 0, on: { click: () => turn(Math.max(offset - ENTRIES, 0)) } }, 'Newer'),
        el('button', { type: 'button', disabled: !page.has_more, on: { click: () => turn(offset + ENTRIES) } }, 'Older'),
      ),
    );
  } catch (fault) {
    show(parts.audit, el('p', { class: 'soft' }, fault.message));
  }
}
