// Requests to the routes of the server, with the key of this tab.

const STORED = 'lexivec-key';
/** Times that a request which came too early is sent again. */
const RETRIES = 5;

/** A refusal of the server: its status, its code and its reason. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `The server answered ${status}`);
    this.status = status;
    this.code = problem?.code ?? '';
  }
}

let memory = '';

/** The key; where the browser has no storage for the page, it lasts until the page is loaded again. */
export function key() {
  try {
    return sessionStorage.getItem(STORED) ?? memory;
  } catch {
    return memory;
  }
}

export function setKey(text) {
  memory = text;
  try {
    if (text) sessionStorage.setItem(STORED, text);
    else sessionStorage.removeItem(STORED);
  } catch {
    // Kept in memory.
  }
}

let refused = () => {};
/** Sets the function that is called when the server wants a key. */
export const whenRefused = (act) => (refused = act);

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/** Sends a request and gives its answer as JSON; fails with a Refusal. */
export async function call(method, path, body, { signal, quiet } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    const headers = { accept: 'application/json', 'x-requested-with': 'lexivec' };
    if (key()) headers.authorization = `Bearer ${key()}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    let answer;
    try {
      answer = await fetch(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        credentials: 'omit',
        cache: 'no-store',
      });
    } catch (fault) {
      if (fault.name === 'AbortError') throw fault;
      throw new Refusal(0, { detail: 'The server does not answer.' });
    }
    const text = await answer.text();
    let parsed;
    try {
      parsed = text ? JSON.parse(text) : null;
    } catch {
      parsed = null;
    }
    if (answer.ok) return parsed;
    if (answer.status === 429 && attempt < RETRIES) {
      await pause(Math.min(Number(answer.headers.get('retry-after')) || 1, 10));
      continue;
    }
    if (answer.status === 401 && !quiet) refused();
    throw new Refusal(answer.status, parsed);
  }
}

/** The path of a collection, or of a route below it. */
export function at(collection, rest = '') {
  return `v1/collections/${encodeURIComponent(collection)}${rest && `/${rest}`}`;
}

export const documentPath = (collection, id) => at(collection, `documents/${encodeURIComponent(id)}`);
