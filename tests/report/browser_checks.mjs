// What must hold of the page, in every way in which it is looked at.
import assert from 'node:assert/strict';

const number = (text) => Number(text.replace(/[^\d.-]/g, ''));

/** WCAG's contrast of two colours given as "rgb(r, g, b)". */
function contrast(a, b) {
  const luminance = (colour) => {
    const [red, green, blue] = colour.match(/[\d.]+/g).slice(0, 3).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

/** The colour of an element, and the one behind it. */
const coloursOf = (element) => {
  let behind = element;
  while (behind && /rgba\(.*, 0\)|transparent/.test(getComputedStyle(behind).backgroundColor)) {
    behind = behind.parentElement;
  }
  return [getComputedStyle(element).color,
    behind ? getComputedStyle(behind).backgroundColor : 'rgb(255, 255, 255)'];
};

export async function checkTexts(page, scenario) {
  assert.equal(await page.locator('h1').innerText(), `${scenario.name}: ${scenario.title}`);
  assert.equal(await page.title(), `${scenario.name}: ${scenario.title}`);
}

/** The table says what `vouch simulate --json` says of the same runs. */
export async function checkTable(page, printed) {
  const rows = page.locator('.compare:not(.clients) tbody tr');
  assert.equal(await rows.count(), printed.policies.length);
  for (const [index, policy] of printed.policies.entries()) {
    const row = rows.nth(index);
    assert.equal(await row.getAttribute('data-policy'), policy.policy);
    const figure = async (label) =>
      number(await row.locator(`[data-label="${label}"] > span`).first().innerText());
    assert.equal(await figure('elections'), policy.measures.elections.median);
    assert.equal(await figure('new terms'), policy.measures.term_growth.median);
    assert.equal(await figure('messages'), policy.measures.messages_per_node_second.median);
    const length = (printed.fault_until_ms ?? 35000) - (printed.fault_from_ms ?? 5000);
    const share = 100 * (1 - policy.measures.unavailable_ms.median / length);
    assert.ok(Math.abs(await figure('available') - share) < 0.06, `availability ${share}`);
  }
}

/** What clients saw stands in a table of its own, as --json has it. */
export async function checkClients(page, printed) {
  const rows = page.locator('.clients tbody tr');
  assert.equal(await rows.count(), printed.policies.length);
  for (const [index, policy] of printed.policies.entries()) {
    const figure = async (label) =>
      number(await rows.nth(index).locator(`[data-label="${label}"] > span`).first().innerText());
    assert.equal(await figure('wrong leader'), policy.measures.wrong_leader_requests.median);
    const share = policy.clients.fault.availability_per_million.median / 1e4;
    assert.ok(Math.abs(await figure('available') - share) < 0.06, `clients' availability ${share}`);
  }
}

export async function checkLanes(page, scenario) {
  assert.equal(await page.locator('.timeline .lane').count(), scenario.replicas);
  assert.ok(await page.locator('.timeline .activity.leader').count() > 0, 'nobody leads');
  assert.equal(await page.locator('.matrix tbody tr').count(), scenario.replicas);
  assert.equal(await page.locator('.nodes tbody tr').count(), scenario.replicas);
  assert.ok(await page.locator('.record li').count() > 3, 'the record is empty');
}

/** Sets the slider as a user's drag does. */
export async function slideTo(page, us) {
  await page.locator('#time').evaluate((slider, value) => {
    slider.value = value;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  }, us);
}

export async function checkSlider(page, scenario) {
  await slideTo(page, scenario.faultFrom - 1e6);
  assert.equal(await page.locator('.matrix .link.cut').count(), 0, 'cut before the fault');
  assert.match(await page.locator('.at-cursor .when').innerText(), /1\.00 s before the fault phase/);
  await slideTo(page, scenario.faultFrom + 1e6);
  assert.equal(await page.locator('.matrix .link.cut').count(), scenario.cutLinks);
  const cut = page.locator('.matrix .link.cut').first();
  assert.match(await cut.getAttribute('title'), /link n\d -> n\d is cut; .*0 of \d+ arrived/);
  const at = await page.locator('.cursor text').textContent();
  assert.equal(at, `${((scenario.faultFrom + 1e6) / 1e6).toFixed(3)} s`);
  const now = await page.locator('.record li.now time').first().innerText();
  assert.ok(number(now) * 1e6 <= scenario.faultFrom + 1e6, 'a later line is marked');
  await page.locator('#time').focus();
  await page.keyboard.press('ArrowRight');
  const later = await page.locator('.cursor text').textContent();
  assert.ok(number(later) > number(at), 'the arrow key does not move the cursor');
  await slideTo(page, scenario.end);
  assert.equal(await page.locator('.matrix .link.cut').count(), 0, 'cut after the heal');
}

export async function checkRecord(page) {
  const all = await page.locator('.record li').count();
  await page.uncheck('.filters input[value="decision"]');
  assert.ok(await page.locator('.record li').count() < all, 'the filter filters nothing');
  assert.equal(await page.locator('.record li.decision').count(), 0);
  await page.check('.filters input[value="decision"]');
  await page.selectOption('.filters select', '1');
  for (const who of await page.locator('.record .who').allInnerTexts()) {
    assert.ok(['n1', 'fault'].includes(who), `a line of ${who}`);
  }
  await page.selectOption('.filters select', '-1');
  const line = page.locator('.record li.leadership').last();
  const time = await line.locator('time').innerText();
  await line.click();
  assert.equal(await page.locator('.cursor text').textContent(), time);
}

export async function checkMessages(page, scenario) {
  assert.equal(await page.locator('.timeline .message').count(), 0);
  await slideTo(page, scenario.faultFrom + 2e5);
  await page.check('#messages');
  assert.ok(await page.locator('.timeline .message.delivered').count() > 0, 'no messages');
  assert.ok(await page.locator('.timeline .message.lost').count() > 0, 'nothing is lost');
  assert.match(await page.locator('p.hint').innerText(), /heartbeat|append/);
  await page.getByRole('button', { name: 'Whole run' }).click();
  assert.match(await page.locator('p.hint').innerText(), /Zoom in/);
  await page.uncheck('#messages');
  assert.equal(await page.locator('.timeline .message').count(), 0);
}

export async function checkPolicies(page, names) {
  for (const name of [...names.slice(1), names[0]]) {
    await page.locator(`.segmented button[data-policy="${name}"]`).click();
    assert.match(await page.locator('.policy-name').innerText(), new RegExp(`^${escaped(name)},`));
    assert.equal(await page.locator('.compare tr.chosen').getAttribute('data-policy'), name);
  }
  await page.locator('.compare:not(.clients) tbody tr').nth(1).getByRole('button').click();
  assert.match(await page.locator('.policy-name').innerText(), new RegExp(`^${escaped(names[1])},`));
  await page.locator('.segmented button').first().click();
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Nothing sticks out to the right: the page does not scroll sideways. */
export async function checkWidth(page) {
  const [content, window] = await page.evaluate(() =>
    [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(content <= window, `the page is ${content} wide, the window ${window}`);
}

/** Text can be read on what is behind it: 4.5 to 1 as WCAG AA asks. */
export async function checkContrast(page) {
  for (const selector of ['h1', '.facts', '.compare thead th', '.compare .worst', '.record .what',
    '.record time', '.record .outside', '.nodes td', '.matrix td.link', '.legend li', '.muted',
    '.segmented [aria-pressed="true"]', '.as-expected', '.record .now time']) {
    const element = page.locator(selector).first();
    if (await element.count() === 0) continue;
    const ratio = contrast(...await element.evaluate(coloursOf));
    assert.ok(ratio >= 4.5, `${selector}: contrast ${ratio.toFixed(2)}`);
  }
}

/** Charts have something on them that is not the background. */
export async function checkCharts(page) {
  const charts = page.locator('figure:not([hidden]) .chart canvas');
  assert.equal(await charts.count(), 2);
  for (let i = 0; i < 2; ++i) {
    const colours = await charts.nth(i).evaluate((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 255) seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
      }
      return seen.size;
    });
    assert.ok(colours >= 3, `chart ${i} has ${colours} colours`);
  }
}

export async function checkBackground(page, isDark) {
  const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const ratio = contrast(colour, 'rgb(0, 0, 0)');
  assert.ok(isDark ? ratio < 2 : ratio > 15, `background ${colour}`);
}
