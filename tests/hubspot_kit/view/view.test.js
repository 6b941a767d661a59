// The card in a real browser: clicked through as a rep does, judged by axe-core, and photographed.
//   CHROMIUM  the browser; SCREENS  a folder for the pictures
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { chromium } from 'playwright-core';
import { build } from './build.mjs';

const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const KIT = resolve(HERE, '../../../connectors/hubspot');
const PAGE = readFileSync(resolve(HERE, 'page.html'));
const STORY = JSON.parse(readFileSync(resolve(HERE, '../story.json'), 'utf8'));
const DEAL = { objectId: 9001, objectTypeId: '0-3' };

let server;
let browser;
let page;
const troubles = [];
const calls = [];
const opened = new Set();

/** The page and its script, on a loopback port. */
async function serve(script) {
    const made = createServer(({ url }, response) => {
        calls.push(url);
        const [type, content] = url === '/page.bundle.js' ? ['text/javascript', script] : ['text/html', PAGE];
        response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(content);
    });
    await new Promise((ready) => made.listen(0, '127.0.0.1', ready));
    return made;
}

before(async () => {
    server = await serve(await build(KIT));
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-lcd-text'] });
    page = await browser.newPage({ viewport: { width: 584, height: 900 }, locale: 'en-US', timezoneId: 'UTC' });
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('requestfailed', (request) => troubles.push(request.url()));
    await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
});

after(async () => {
    await browser?.close();
    server?.close();
});

beforeEach(() => {
    troubles.splice(0);
    calls.splice(0);
});

/** The page of a deal of the story; `changes` to what HubSpot does. */
async function open(name, changes = {}) {
    opened.add(name);
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const made = { properties: STORY.deals[name], stages: STORY.stages, deal: DEAL, saved: [], opened: [], alerts: [] };
    await page.evaluate((portal) => {
        window.portal = portal;
        window.show();
    }, { ...made, ...changes });
    await page.locator('main > *').first().waitFor();
    if (!changes.holds) {
        await page.getByText('Reading the verdict').waitFor({ state: 'detached' });
    }
}

/** Asks axe, and takes the picture for the docs where there is a name for it: of the card, or of a part of it. */
async function seen(name = null, part = page.locator('main')) {
    await page.addScriptTag({ content: AXE });
    const { violations } = await page.evaluate(() => window.axe.run('main'));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((each) => each.html).join(' | ')}`);
    assert.deepEqual(told, [], `axe on ${name ?? 'the page'}`);
    assert.deepEqual(troubles, []);
    if (name && process.env.SCREENS) {
        await part.screenshot({ path: join(process.env.SCREENS, `hubspot-${name}.png`) });
    }
}

/** The first lines of the card, for a picture. */
const top = (height) => ({
    screenshot: ({ path }) => page.screenshot({ path, clip: { x: 0, y: 0, width: 560, height } })
});

const portal = () => page.evaluate(() => window.portal);
const text = () => page.locator('main').innerText();
const button = (name) => page.getByRole('button', { name });

test('claimed against supported, what the next stage lacks, and what to do', async () => {
    await open('overstated');
    assert.match(await page.locator('dl').innerText(), /Claimed stage\s+Contract sent\s+Evidence supports\s+Qualified to buy/);
    assert.equal(await page.locator('.tag').innerText(), '3 stages ahead');
    assert.equal(await page.locator('h2').first().innerText(), 'Missing for Presentation scheduled');
    assert.match(await text(), /Time to re-ask[\s\S]*Next: One short mail[\s\S]*1 other finding[\s\S]*Dana Ruiz saw USD 80,000/);
    assert.doesNotMatch(await text(), /another amount/, 'a reason is told when it is asked for');
    const { y } = await page.locator('hr').boundingBox();
    await seen('overstated', top(y));
});

test('why, with the record that it rests on', async () => {
    await open('overstated');
    await button('Why?').nth(2).click();
    assert.match(await text(), /another amount[\s\S]*Meeting of Mar 10, 2026[\s\S]*CQ-STK-PRICE/);
    await button('Meeting of Mar 10, 2026').click();
    const told = (await portal()).opened;
    assert.deepEqual(told, [{ actionType: 'ENGAGEMENT_APP_LINK', actionContext: { ...DEAL, engagementId: '501' } }]);
    await seen('why', page.locator('.accordion.sm'));
});

test('other findings can be put away', async () => {
    await open('overstated');
    await button('1 other finding').click();
    assert.doesNotMatch(await text(), /Next: Take them through/);
    await seen();
});

test("what to do opens HubSpot's own form, on this deal", async () => {
    await open('overstated');
    await button('Schedule meeting').first().click();
    await button('Send mail').click();
    const told = (await portal()).opened;
    assert.deepEqual(told.map(({ actionType }) => actionType), ['SCHEDULE_MEETING', 'SEND_EMAIL']);
    assert.deepEqual(told[0].actionContext, DEAL);
});

test('where HubSpot refuses to open something, its words are passed on', async () => {
    await open('overstated', { refuses: 'You may not create meetings.' });
    await button('Schedule meeting').first().click();
    const told = await portal();
    assert.deepEqual([told.alerts.map(({ message }) => message), told.opened], [['You may not create meetings.'], []]);
});

test('the answer: three fields of HubSpot, and the card hears what was saved', async () => {
    await open('overstated');
    assert.doesNotMatch(await text(), /Your last answer/);
    await page.getByLabel('Answer to the audit').selectOption('not_applicable');
    await page.getByLabel('Answer holds until').fill('2026-07-01');
    await page.getByLabel('Reason of the answer').fill('A renewal: the contract names the price.');
    await page.getByLabel('Reason of the answer').blur();
    await page.getByText('Your last answer: Does not apply to this deal.').waitFor();
    const { saved } = await portal();
    assert.deepEqual(Object.fromEntries(saved), {
        crm_audit_answer: 'not_applicable',
        crm_audit_answer_until: '2026-07-01',
        crm_audit_answer_reason: 'A renewal: the contract names the price.'
    });
    await seen('answer', page.locator('.flex:has(> hr)'));
});

test('by keyboard alone', async () => {
    await open('overstated');
    await button('Why?').nth(2).focus();
    await page.keyboard.press('Enter');
    assert.equal(await button('Why?').nth(2).getAttribute('aria-expanded'), 'true');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal((await portal()).opened[0].actionType, 'ENGAGEMENT_APP_LINK');
});

test('while HubSpot reads, it says so', async () => {
    await open('overstated', { holds: true });
    assert.match(await text(), /Reading the verdict/);
    await seen();
});

test('what cannot be read is read again when asked to', async () => {
    await open('overstated', { fails: 'no' });
    assert.match(await text(), /The verdict could not be read/);
    await seen('unreadable');
    await page.evaluate(() => (window.portal.fails = null));
    await button('Try again').click();
    await page.locator('.tag').waitFor();
});

for (const [name, picture, words] of [
    ['supported', 'supported', /Nothing is missing\./],
    ['unchecked', 'unchecked', /not checked yet/],
    ['unverifiable', 'unverifiable', /that is not your fault/],
    ['moved', 'moved', /This verdict is about Contract sent, until the next run\./],
    ['one_ahead', null, /1 stage ahead/],
    ['left', null, /Add contact/],
    ['basics', null, /I asked them again today/],
    ['answered', null, /Your last answer: Does not apply/],
    ['closed', null, /This deal is closed\./],
    ['unmapped', null, /on no ladder/],
    ['no_answers', null, /Answers are not set up/],
    ['not_set_up', null, /not set up here yet/],
    ['no_details', null, /Dana Ruiz saw USD 80,000/],
    ['cut', null, /4 other findings/]
]) {
    test(`a deal that is ${name}`, async () => {
        await open(name);
        assert.match(await text(), words);
        await seen(picture, picture === 'moved' ? top(200) : undefined);
    });
}

test('every deal of the story was looked at', () => {
    assert.deepEqual([...opened].sort(), Object.keys(STORY.deals).sort());
});

test('the card calls nobody', async () => {
    await open('overstated');
    await button('Why?').first().click();
    assert.deepEqual(calls, ['/', '/page.bundle.js']);
});
