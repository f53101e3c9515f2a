// The page at /ui in a browser: axe on every tab in both colours and at two widths, flows by keyboard, hostile documents, keys,
// and a control that shows that the harness reports a fault. `--pictures FOLDER` writes the pictures of the guide instead.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const need = createRequire(join(root, 'target/browser/package.json'));
const { chromium } = need('playwright-core');
const axe = readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
const lexivec = process.env.LEXIVEC ?? join(root, 'target/debug/lexivec');
const pictures = process.argv[2] === '--pictures' ? resolve(process.argv[3]) : null;
const model = process.env.MODEL ?? join(root, 'tests/fixtures/transformer/mean');

const HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
const faults = [];
let checks = 0;
function check(right, what) {
  checks += 1;
  if (!right) faults.push(what);
}

const scratch = mkdtempSync(join(tmpdir(), 'lexivec-page-'));
const command = (...args) => execFileSync(lexivec, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Starts a server and gives its address. */
function serve(directory) {
  const child = spawn(lexivec, ['serve', directory, '--bind', '127.0.0.1:0', '--model', model], { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((done, fail) => {
    let said = '';
    const read = (data) => {
      said += data;
      const found = /http:\/\/[\d.]+:\d+/.exec(said);
      if (found) done({ child, address: found[0] });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', () => fail(new Error(`the server ended: ${said}`)));
  });
}

function prepare() {
  const shelf = join(scratch, 'shelf');
  mkdirSync(shelf);
  command('ingest', join(shelf, 'guide'), '--folder', join(root, 'docs'), '--name', 'guide', '--model', model);
  const hostile = { id: HOSTILE, title: HOSTILE, text: `wing ${HOSTILE}`, payload: { [HOSTILE]: HOSTILE, lab: HOSTILE } };
  const file = join(scratch, 'hostile.jsonl');
  writeFileSync(file, `${JSON.stringify(hostile)}\n${JSON.stringify({ id: 'plain', text: 'a wing', payload: { lab: 'bath' } })}\n`);
  command('ingest', join(shelf, 'hostile'), '--jsonl', file, '--name', 'hostile', '--model', model);
  return shelf;
}

/** A page whose violations, errors and requests elsewhere are faults. */
async function open(browser, address, options = {}, hash = '') {
  const context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on('request', (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith('data:')) faults.push(`a request to ${request.url()}`);
  });
  page.on('pageerror', (error) => faults.push(`an error in the page: ${error.message}`));
  page.on('console', (line) => {
    if (/Content Security Policy/i.test(line.text())) faults.push(line.text());
  });
  await page.goto(`${address}/ui${hash}`);
  return page;
}

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 4).join(', ')}`);
}

const settled = (page) => page.waitForFunction(() => !document.querySelector('[aria-busy]') && document.querySelector('[role=tab][aria-selected=true]'));

/** Brings each tab into its full state. */
const TABS = {
  search: async (page) => {
    await page.waitForSelector('#panel-search .hits li');
    await page.waitForSelector('#panel-search .facets button');
    await page.locator('#panel-search details.small').first().evaluate((node) => (node.open = true));
  },
  collections: (page) => page.waitForSelector('#panel-collections .facts'),
  recall: async (page) => {
    await page.click('#panel-recall button.main:enabled');
    await page.waitForSelector('text=/Measured \\d+ levels/');
  },
  map: async (page) => {
    await page.waitForSelector('#panel-map option[value=path]', { state: 'attached' });
    await page.selectOption('#panel-map label:has-text("Colour by") + select', 'path');
    await page.click('#panel-map button.main');
    await page.waitForSelector('#panel-map .legend li');
  },
  keys: (page) => page.waitForSelector('#panel-keys .card'),
};

async function everyTab(browser, address, visit) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 360]) {
      for (const [tab, ready] of Object.entries(TABS)) {
        const page = await open(browser, address, { colorScheme, viewport: { width, height: 900 } }, `#tab=${tab}&c=guide&q=filter+payload`);
        const at = `${tab}, ${colorScheme}, ${width} px`;
        try {
          await ready(page);
          await settled(page);
          await visit(page, at, { tab, colorScheme, width });
        } catch (error) {
          faults.push(`${at}: ${error.message.split('\n')[0]}`);
        }
        await page.context().close();
      }
    }
  }
}

async function accessible(page, at) {
  const found = await violations(page);
  check(found.length === 0, `${at}: ${found.join('; ')}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(wide <= 0, `${at}: it is ${wide} px too wide`);
}

async function byKeyboard(browser, address) {
  const page = await open(browser, address, {}, '#c=guide');
  await page.waitForSelector('#collection option', { state: 'attached' });
  await page.focus('#words');
  await page.keyboard.type('filt');
  await page.waitForSelector('.suggestions li');
  await page.keyboard.press('ArrowDown');
  check(await page.getAttribute('#words', 'aria-activedescendant'), 'an arrow marks no suggestion');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#panel-search .hits li');
  await settled(page);
  check(/q=filt\w+/.test(page.url()), `the address does not keep the question: ${page.url()}`);
  await page.focus('#tab-search');
  await page.keyboard.press('ArrowRight');
  check(await page.evaluate(() => document.activeElement.id === 'tab-collections'), 'an arrow does not move to the next tab');
  await page.waitForSelector('#panel-collections .facts');
  await page.focus('#panel-collections .buttons button');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#confirm-dialog[open]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('text=Flush: done');
  await page.keyboard.press('Home');
  await page.context().close();
}

async function hostile(browser, address) {
  const page = await open(browser, address, {}, '#c=hostile&q=wing');
  await page.waitForSelector('#panel-search .hits li');
  await page.waitForSelector('#panel-search .facets button');
  await page.locator('#panel-search .facets button', { hasText: 'onerror' }).first().click();
  await settled(page);
  check((await page.locator('.chip').count()) === 1, 'a facet with markup makes no filter');
  await page.locator('#panel-search .hit-title button', { hasText: 'onerror' }).first().click();
  await page.waitForSelector('#document-dialog[open]');
  check((await page.textContent('#document-title')) === HOSTILE, 'an id with markup is not shown as it is');
  check(!(await page.evaluate(() => window.ran || document.querySelector('main img, dialog img'))), 'markup of a document ran');
  await page.context().close();
}

async function withKey(browser, shelf) {
  const line = command('key', 'create', shelf, 'reader', '--role', 'reader', '--json');
  const { key } = JSON.parse(line);
  const { child, address } = await serve(shelf);
  const page = await open(browser, address, {}, '#c=guide&q=filter');
  await page.waitForSelector('#key-dialog[open]');
  await page.fill('#key-field', key);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#panel-search .hits li');
  check(!page.url().includes(key), 'the key is in the address');
  check(await page.locator('#tab-keys').isHidden(), 'a reader is shown the tab of keys');
  await page.click('#tab-collections');
  await page.click('#panel-collections .buttons button');
  await page.click('#confirm-yes');
  await page.waitForSelector('text=Flush is refused to this key');
  await page.context().close();
  child.kill();
}

/** A planted violation, script and request are reported by the same harness. */
async function control(browser, address) {
  const page = await open(browser, address, {}, '#c=guide');
  await page.evaluate(() => document.querySelector('main').append(document.createElement('input')));
  const found = await violations(page);
  check(found.some((one) => one.startsWith('label')), 'the control: axe does not report a field without a label');
  const before = faults.length;
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = 1';
    document.body.append(script);
  });
  await page.waitForTimeout(200);
  const reported = faults.splice(before);
  check(reported.some((one) => /Content Security Policy/i.test(one)), 'the control: an inline script is not reported');
  await page.context().close();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const shelf = prepare();
const { child, address } = await serve(shelf);
try {
  if (pictures) {
    mkdirSync(pictures, { recursive: true });
    await everyTab(browser, address, async (page, _, { tab, colorScheme, width }) => {
      const wanted = { search: 'light', map: 'dark' }[tab];
      if (width !== 1280 || wanted !== colorScheme) return;
      await page.setViewportSize({ width, height: 1250 });
      // Hits are what a picture has to show, and facets come before them.
      if (tab === 'search') await page.click('summary:has-text("Facets")');
      await page.screenshot({ path: join(pictures, `${tab}.png`) });
    });
  } else {
    await everyTab(browser, address, accessible);
    for (const flow of [byKeyboard, hostile, control]) {
      try {
        await flow(browser, address);
      } catch (error) {
        faults.push(`${flow.name}: ${error.message.split('\n')[0]}`);
      }
    }
    child.kill();
    try {
      await new Promise((done) => (child.exitCode === null && child.signalCode === null ? child.once('exit', done) : done()));
      await withKey(browser, shelf);
    } catch (error) {
      faults.push(`withKey: ${error.message.split('\n')[0]}`);
    }
  }
} finally {
  child.kill();
  await browser.close();
  rmSync(scratch, { recursive: true, force: true });
}
faults.forEach((fault) => console.error(`fault: ${fault}`));
console.log(`page: ${checks} checks, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
