// Loads the page of vouch simulate --report in a real Chromium, uses it as a reader does, in light,
// dark, on a phone and in print, and leaves pictures in screenshots/. Exit 77: it cannot run here.
//
//   node browser_test.mjs PROGRAM SOURCE_FOLDER
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as checks from './browser_checks.mjs';

const [program, source] = process.argv.slice(2);
const kBrowsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser'];
const kFlags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const kPolicies = ['vouch', 'raft', 'raft+prevote+checkquorum'];
const kHostile = '</script><script>window.broken = 1</script><img src=x onerror="window.broken = 2">' +
  '<!-- & &lt; "';

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

async function loadPlaywright() {
  try {
    return (await import('playwright-core')).chromium;
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return skip('playwright-core is not installed');
  }
}

/** The report of s10, and of s01 with a title that tries to break out. Also what --json says. */
function makeReport(folder) {
  const hostile = JSON.parse(readFileSync(join(source, 'sim/scenarios/s01.json'), 'utf8'));
  hostile.name = 'hostile';
  hostile.title = kHostile;
  hostile.note = kHostile;
  const scenario = join(folder, 'hostile.json');
  writeFileSync(scenario, JSON.stringify(hostile, null, 2));
  const report = join(folder, 'report with space.html');
  const run = (...more) => execFileSync(program, ['simulate', 's10', scenario, '--runs', '7',
    ...kPolicies.flatMap((policy) => ['--policy', policy]), ...more], { encoding: 'utf8' });
  return { report, printed: JSON.parse(run('--report', report, '--json')) };
}

/** A page that fails the test on the first complaint of the browser or request to anywhere. */
async function open(context, report, complaints) {
  const page = await context.newPage();
  const url = pathToFileURL(report).href;
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`));
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) {
      complaints.push(`a request to ${request.url()}`);
    }
  });
  await page.goto(url);
  return page;
}

const kS10 = {
  name: 's10', replicas: 5, faultFrom: 5e6, end: 43e6, cutLinks: 12,
  title: 'quorum loss: every node reaches only the hub 1, which is not the leader',
};

/** What a reader does, the same in every way of looking. */
async function use(page, printed) {
  await checks.checkTexts(page, kS10);
  await checks.checkTable(page, printed[0]);
  await checks.checkClients(page, printed[0]);
  await checks.checkLanes(page, kS10);
  await checks.checkCharts(page);
  await checks.checkSlider(page, kS10);
  await checks.checkRecord(page);
  await checks.checkMessages(page, kS10);
  await checks.checkPolicies(page, kPolicies);
  await page.getByRole('button', { name: 'Fault', exact: true }).click();
  await checks.checkContrast(page);
  await checks.checkWidth(page);
}

/** Dragging in the lanes zooms, a double click shows the whole run, hovering tells. */
async function useMouse(page) {
  const lanes = page.locator('.timeline');
  await lanes.scrollIntoViewIfNeeded();
  const box = await lanes.boundingBox();
  const [x, y] = [box.x + box.width * 0.4, box.y + box.height * 0.6];
  const before = await page.locator('.timeline .tick').allTextContents();
  await page.mouse.move(x, y);
  assert.match(await page.locator('.tip').innerText(), /^\d+\.\d{3} s\nn\d: /);
  await page.mouse.down();
  await page.mouse.move(x + 60, y, { steps: 4 });
  await page.mouse.up();
  const zoomed = await page.locator('.timeline .tick').allTextContents();
  assert.notDeepEqual(zoomed, before);
  await page.mouse.dblclick(x, y);
  assert.ok((await page.locator('.timeline .tick').allTextContents()).includes('40 s'));
}

/** Windows between that of a phone and a wide one: nothing is cut off at the right. */
async function resize(page) {
  const before = page.viewportSize();
  for (const width of [1200, 1100, 1000, 900, 800, 760]) {
    await page.setViewportSize({ width, height: 900 });
    await checks.checkWidth(page);
  }
  await page.setViewportSize(before);
}

async function choose(page) {
  await page.selectOption('#scenario', '1');
  await checks.checkTexts(page, { name: 'hostile', title: kHostile });
  assert.equal(await page.evaluate(() => window.broken), undefined);
  assert.equal(await page.locator('main img').count(), 0);
  await page.selectOption('#scenario', '0');
  await checks.checkTexts(page, kS10);
}

async function print(page, shots) {
  await page.emulateMedia({ media: 'print' });
  for (const hidden of ['.controls', '#time', '.filters']) {
    assert.equal(await page.locator(hidden).first().isVisible(), false, `${hidden} is printed`);
  }
  await checks.checkBackground(page, false);
  await checks.checkContrast(page);
  const pdf = await page.pdf({ path: join(shots, 'print.pdf'), format: 'A4' });
  const pages = pdf.toString('latin1').match(/\/Type\s*\/Page[^s]/g)?.length ?? 0;
  assert.ok(pages >= 1 && pages <= 8, `${pages} pages`);
  await page.setViewportSize({ width: 703, height: 1000 });
  await checks.checkWidth(page);
  await page.screenshot({ path: join(shots, 'print.png'), fullPage: true });
}

const kWays = {
  light: { viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  dark: { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' },
  phone: {
    viewport: { width: 390, height: 844 }, colorScheme: 'light', deviceScaleFactor: 2,
    isMobile: true, hasTouch: true,
  },
};

async function main() {
  const executablePath = kBrowsers.find((path) => existsSync(path));
  if (!executablePath) skip('chromium is not installed (scripts/setup does it)');
  const chromium = await loadPlaywright();
  const folder = mkdtempSync(join(tmpdir(), 'vouch-report-'));
  const shots = resolve('screenshots');
  mkdirSync(shots, { recursive: true });
  let browser = null;
  try {
    const { report, printed } = makeReport(folder);
    // playwright-core gives every launch a fresh --user-data-dir and removes it.
    browser = await chromium.launch({ executablePath, args: kFlags });
    for (const [way, options] of Object.entries(kWays)) {
      const complaints = [];
      const context = await browser.newContext(options);
      const page = await open(context, report, complaints);
      await checks.checkBackground(page, way === 'dark');
      await page.screenshot({ path: join(shots, `${way}.png`), fullPage: true });
      await use(page, printed);
      if (way !== 'phone') await useMouse(page);
      if (way === 'light') await resize(page);
      await choose(page);
      if (way === 'dark') await print(page, shots);
      assert.deepEqual(complaints, [], `${way}: the browser complains`);
      await context.close();
      console.log(`${way}: passed`);
    }
  } finally {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
