// The components in a real browser: clicked through as a rep does, judged by axe-core, and photographed.
//   CHROMIUM  the browser; SCREENS  a folder for the pictures
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { chromium } from 'playwright-core';
import { answer, deal, verdict } from '../components/story.js';
import { build } from './build.mjs';
import { serve } from './serve.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const KIT = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../../../connectors/salesforce');
const DEAL = '0068c00000AbCdEFGH';
const VERDICT = 'a018c00000AbCdEFGH';

let site;
let browser;
let page;
const troubles = [];

before(async () => {
    site = await serve(await build(KIT));
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 404, height: 900 }, locale: 'en-US', timezoneId: 'UTC' });
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('requestfailed', (request) => troubles.push(request.url()));
});

after(async () => {
    await browser?.close();
    site?.close();
});

beforeEach(() => troubles.splice(0));

/** The page of a deal with these records. */
async function open({ record = verdict(), opportunity = deal(), answers = [], refuses = null } = {}) {
    await page.goto(site.address);
    await page.evaluate(
        ([records, lists, refused, shown]) => {
            window.org = { records, lists, refuses: refused, created: [], visited: [], toasts: [] };
            window.show(shown);
        },
        [
            { [DEAL]: opportunity, ...(record ? { [VERDICT]: record } : {}) },
            {
                [`${DEAL}/CRM_Audit_Verdicts__r`]: record ? [{ id: VERDICT, fields: {} }] : [],
                [`${VERDICT}/CRM_Audit_Answers__r`]: answers
            },
            refuses,
            DEAL
        ]
    );
    await page.locator('lightning-card').waitFor();
}

/** Takes the picture for the docs, and asks axe. */
async function seen(name) {
    await page.addScriptTag({ content: AXE });
    const { violations } = await page.evaluate(() => window.axe.run('main'));
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((each) => each.html).join(' | ')}`);
    assert.deepEqual(told, [], `axe on ${name}`);
    assert.deepEqual(troubles, []);
    if (process.env.SCREENS) {
        await page.locator('main').screenshot({ path: join(process.env.SCREENS, `salesforce-${name}.png`) });
    }
}

const org = () => page.evaluate(() => ({ created: window.org.created, visited: window.org.visited, toasts: window.org.toasts }));
const finding = (rule) => page.locator('c-crm-audit-finding').nth(rule);

test('claimed against supported, what is missing for the next stage only, and what to do', async () => {
    await open();
    assert.equal(await page.locator('.claimed').innerText(), 'Negotiation/Review');
    assert.equal(await page.locator('.supported').innerText(), 'Needs Analysis');
    assert.equal(await page.locator('lightning-badge').innerText(), '3 stages ahead');
    assert.equal(await page.locator('h3').innerText(), 'Missing for Value Proposition');
    assert.equal(await page.locator('c-crm-audit-finding').count(), 2);
    assert.match(await finding(0).innerText(), /We do not know yet who decides\.[\s\S]*Next: Ask Lee Park/);
    assert.match(await page.locator('.checked').innerText(), /May 20, 2026/);
    await seen('overstated');
});

test('why, with the record that it rests on', async () => {
    await open();
    await page.locator('.more').click();
    assert.equal(await page.locator('c-crm-audit-finding').count(), 4);
    const price = finding(2);
    await price.locator('.why').click();
    assert.match(await price.locator('.reason').innerText(), /another amount[\s\S]*Meeting of May 12, 2026[\s\S]*CQ-STK-PRICE/);
    await price.locator('.record').click();
    const [visited] = (await org()).visited;
    assert.equal(visited.attributes.recordId, '00U8c00000AbCdEFGH');
    assert.equal(await finding(3).locator('.answer').count(), 0);
    await seen('why');
});

test('the answer: one record, and a word of thanks', async () => {
    await open();
    const authority = finding(0);
    await authority.locator('.answer').click();
    await authority.getByText('Does not apply to this deal').click();
    await authority.getByRole('button', { name: 'Save answer' }).click();
    assert.deepEqual((await org()).created, [], 'a reason and a day are asked for');
    await authority.getByLabel('Until').fill('Jul 1, 2026');
    await authority.getByLabel('Reason').fill('A renewal: the contract names who signs.');
    await authority.getByLabel('Reason').blur();
    await seen('answer');
    await authority.getByRole('button', { name: 'Save answer' }).click();
    await authority.locator('.given').waitFor();
    const { created, toasts } = await org();
    assert.deepEqual(created, [
        {
            apiName: 'CRM_Audit_Answer__c',
            fields: {
                Verdict__c: VERDICT,
                Rule__c: 'CQ-STK-AUTH',
                Answer__c: 'not_applicable',
                Reason__c: 'A renewal: the contract names who signs.',
                Until__c: '2026-07-01'
            }
        }
    ]);
    assert.equal(toasts[0].variant, 'success');
    assert.equal(await authority.locator('.given').innerText(), 'You answered: Does not apply to this deal');
    await seen('answered');
});

test('"asked" is offered where something is to be asked, and nowhere else', async () => {
    await open();
    await finding(0).locator('.answer').click();
    await finding(1).locator('.answer').click();
    assert.equal(await finding(0).getByText('I asked them again today').count(), 0);
    await finding(1).getByText('I asked them again today').click();
    await finding(1).getByRole('button', { name: 'Save answer' }).click();
    await finding(1).locator('.given').waitFor();
    assert.equal((await org()).created[0].fields.Answer__c, 'asked');
});

test('an answer that Salesforce refuses stays in the form', async () => {
    await open({ refuses: 'Ask your manager first.' });
    await finding(0).locator('.answer').click();
    await finding(0).getByRole('button', { name: 'Save answer' }).click();
    await page.waitForFunction(() => window.org.toasts.length > 0);
    assert.equal((await org()).toasts[0].message, 'Ask your manager first.');
    assert.equal(await finding(0).locator('.answering').count(), 1);
});

test('by keyboard alone', async () => {
    await open();
    await finding(0).locator('.why').focus();
    await page.keyboard.press('Enter');
    assert.equal(await finding(0).locator('.why').getAttribute('aria-expanded'), 'true');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await finding(0).locator('.answering').count(), 1);
});

test('nothing missing', async () => {
    await open({ record: verdict({ Status__c: 'supported', Stage_Gap__c: 0, Supported_Stage__c: '5 committed (Negotiation/Review)', Details__c: null }) });
    assert.equal(await page.locator('.clear').innerText(), 'Nothing is missing.');
    await seen('supported');
});

test('never checked', async () => {
    await open({ record: null });
    assert.match(await page.locator('.unchecked').innerText(), /not checked yet/);
    await seen('unchecked');
});

test('an answer of yesterday that the night did not believe may be given again', async () => {
    await open({ answers: [answer('CQ-STK-AUTH', 'fixed', '2026-05-19T08:00:00.000Z')] });
    assert.equal(await finding(0).locator('.answer').count(), 1);
});
