// The status page of a running agent: what it is made of, and what a reader sees of it in a real browser.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { EXIT } from '../../src/model/errors.ts';
import { openSocketWay } from '../../src/ops/control-socket.ts';
import { browsers, openPage } from '../support/browser.ts';
import { baseOf, behind, HOSTILE, watching } from '../support/http-agent.ts';
import { strictStage } from '../support/stage.ts';
import { until } from '../support/until.ts';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

const FILES: Readonly<Record<string, string>> = {
  '': 'text/html; charset=utf-8',
  'asking.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'plot.js': 'text/javascript; charset=utf-8',
  'reading.js': 'text/javascript; charset=utf-8',
  'rows.js': 'text/javascript; charset=utf-8',
  'words.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml; charset=utf-8',
};

test('S15 the page is its own files and nothing else, under a policy that lets it be nothing else', async (t) => {
  const stage = await strictStage(t);
  const { base } = await watching(stage);
  for (const [file, type] of Object.entries(FILES)) {
    const answer = await fetch(base + file);
    const content = await answer.text();
    assert.equal(answer.status, 200, file);
    const { headers } = answer;
    assert.equal(headers.get('content-type'), type, file);
    assert.equal(
      headers.get('content-security-policy'),
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.equal(headers.get('cache-control'), 'no-store');
    const elsewhere = content
      .replaceAll('http://www.w3.org/2000/svg', '')
      .match(/\w+:\/\/[^\s'"]*|url\(|@import(?! \{)/g);
    assert.deepEqual(elsewhere, null, file);
    assert.doesNotMatch(content, /\son\w+=|\sstyle=|<script>|<style|javascript:/, file);
    assert.equal((await fetch(base + file, { method: 'POST' })).status, 405, file);
  }
  const foreign = request(base, { headers: { host: 'rebound.example:80' } });
  foreign.end();
  const [refusal] = (await once(foreign, 'response')) as [IncomingMessage];
  assert.equal(refusal.resume().statusCode, 403);
});

test('over the socket the page is to be had as well', async (t) => {
  const stage = await strictStage(t);
  await watching(stage);
  const way = openSocketWay(stage.state);
  t.after(() => way.close());
  const page = await new Promise<string>((resolve, reject) => {
    const sent = request({ socketPath: way.path, path: '/', agent: false }, (answer) => resolve(text(answer)));
    sent.once('error', reject).end();
  });
  assert.match(page, /^<!doctype html>/);
});

test('an agent whose files are gone still shows its page', async (t) => {
  const stage = await strictStage(t);
  const copy = join(stage.dir, 'dist');
  cpSync(DIST, copy, { recursive: true });
  const args = ['watch', '--http', '0', stage.local, stage.url];
  const base = await baseOf(stage.start(args, { main: join(copy, 'main.js') }));
  rmSync(copy, { recursive: true });
  for (const file of Object.keys(FILES)) assert.equal((await fetch(base + file)).status, 200, file);
});

const says = (page: Page, headline: string) =>
  page.locator('#headline', { hasText: new RegExp(`^${headline}$`) }).waitFor();

for (const executablePath of browsers()) {
  test('in a browser it is in sync, then behind, then in sync again, and asks nobody but its agent', async (t) => {
    const stage = await strictStage(t);
    const { base } = await watching(stage);
    stage.write('a', 'abc');
    const { page, requests, faults } = await openPage(t, base, { executablePath });
    await says(page, 'In sync');
    await page.locator('#recent', { hasText: 'uploaded a 3 B' }).waitFor();
    assert.match((await page.locator('#since').textContent())!, /^Since \d\d:\d\d:\d\d, (now|\d+ s ago)$/);
    assert.equal(await page.title(), 'In sync · awssyncer');
    assert.equal(await page.locator('#remote').textContent(), stage.url);
    await behind(stage, base);
    await says(page, `${HOSTILE.length + 2} changes behind`);
    assert.match((await page.locator('#since').textContent())!, /^The oldest change is of \d\d:\d\d:\d\d, \d+ s ago$/);
    stage.server.faults.clear();
    for (const name of HOSTILE) stage.write(name, 'again');
    await until('all is stored', () => stage.keys().length >= HOSTILE.length);
    await page.locator('#recent', { hasText: 'uploaded <img src=x onerror=alert(1)> 5 B' }).waitFor();
    assert.deepEqual(faults, []);
    for (const url of requests) assert.ok(url.startsWith(base), url);
    assert.deepEqual(
      new Set(requests.map((url) => url.slice(base.length))),
      new Set([...Object.keys(FILES), 'activity']),
    );
  });

  test('S15 in a browser the name of a file is text, whatever it looks like', async (t) => {
    const stage = await strictStage(t);
    const { base } = await watching(stage);
    await behind(stage, base);
    const { page, faults } = await openPage(t, base, { executablePath });
    await page
      .locator('#problems li')
      .nth(HOSTILE.length + 1)
      .waitFor();
    const names = await page.locator('#problems bdi').allTextContents();
    assert.deepEqual(names.filter((name) => HOSTILE.includes(name)).sort(), [...HOSTILE].sort());
    assert.ok(names.includes('\\xff<'));
    assert.equal(await page.locator('main :is(img, script, iframe, a)').count(), 0);
    assert.deepEqual(faults, []);
  });

  test('in a browser it is readable at a width of 320 pixels, in light and in dark', async (t) => {
    const stage = await strictStage(t);
    const { base } = await watching(stage);
    await behind(stage, base);
    const { page, faults } = await openPage(t, base, { executablePath, viewport: { width: 320, height: 640 } });
    await page
      .locator('#problems li')
      .nth(HOSTILE.length + 1)
      .waitFor();
    const widths = await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]');
    assert.deepEqual(widths, [320, 320]);
    const tooWide =
      "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth).length";
    assert.equal(await page.evaluate(tooWide), 0);
    const colours = async (colorScheme: 'light' | 'dark') => {
      await page.emulateMedia({ colorScheme });
      return page.evaluate('[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]');
    };
    assert.deepEqual(await colours('light'), ['rgb(249, 249, 247)', 'rgb(11, 11, 11)']);
    assert.deepEqual(await colours('dark'), ['rgb(13, 13, 13)', 'rgb(244, 244, 242)']);
    assert.deepEqual(faults, []);
  });

  test('in a browser the keyboard reaches everything, in the order in which it is read', async (t) => {
    const stage = await strictStage(t);
    const { base } = await watching(stage);
    const { page } = await openPage(t, base, { executablePath });
    await says(page, 'In sync');
    const reached: string[] = [];
    for (let n = 0; n < 8; n++) {
      await page.keyboard.press('Tab');
      reached.push(
        await page.evaluate(
          "document.activeElement.getAttribute('aria-labelledby') ?? document.activeElement.getAttribute('href')",
        ),
      );
    }
    assert.deepEqual(reached, [
      '#main',
      ...['transfers-title', 'problems-title', 'recent-title', 'troubles-title'],
      ...['activity', 'status', 'metrics'],
    ]);
    await page.locator('.skip').focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.id'), 'main');
  });

  test('in a browser what needs a decision comes with the command for it, within reach of the keyboard', async (t) => {
    const stage = await strictStage(t);
    for (const name of ['1', '2', '3', HOSTILE[0]!]) stage.write(name);
    assert.equal((await stage.run(['sync', stage.local, stage.url])).code, EXIT.ok);
    for (const name of ['1', '2', '3', HOSTILE[0]!]) rmSync(stage.at(name));
    stage.write('left');
    const { base } = await watching(stage, '--max-delete', '2,10%');
    const { page, faults } = await openPage(t, base, { executablePath });
    await says(page, 'Not in sync');
    assert.equal(await page.locator('.alarm h2').textContent(), '4 deletes held back');
    assert.deepEqual(await page.locator('.alarm bdi').allTextContents(), ['1', '2', '3', HOSTILE[0]]);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    const reached = await page.evaluate('document.activeElement.textContent');
    assert.equal(reached, `awssyncer approve-deletes --state-dir ${stage.state}`);
    assert.equal((await stage.run(['approve-deletes', '--state-dir', stage.state])).code, EXIT.ok);
    await says(page, 'In sync');
    assert.equal(await page.locator('.alarm').count(), 0);
    assert.deepEqual(faults, []);
  });

  test('in a browser it asks only while it is seen, and says when the agent is silent', async (t) => {
    const stage = await strictStage(t);
    const { cli, base } = await watching(stage);
    const { page, requests } = await openPage(t, base, { executablePath, ownTime: true });
    await says(page, 'In sync');
    const asked = () => requests.filter((url) => url.endsWith('activity')).length;
    const see = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await see(true);
    const before = asked();
    await page.clock.runFor(60_000);
    assert.equal(asked(), before);
    await see(false);
    await until('it asks at once', () => asked() === before + 1);
    cli.signal('SIGKILL');
    await cli.exited;
    await until('it asks again', async () => {
      await page.clock.runFor(2_000);
      return asked() > before + 1;
    });
    await page.locator('#silent', { hasText: /^No answer from the agent since .*: it cannot be reached/ }).waitFor();
  });

  test('in a browser without JavaScript it says what to use instead', async (t) => {
    const stage = await strictStage(t);
    const { base } = await watching(stage);
    const { page, faults } = await openPage(t, base, { executablePath, javaScriptEnabled: false });
    assert.match(await page.locator('body').innerText(), /needs JavaScript.*awssyncer status.*\/status.*\/metrics/s);
    assert.equal(await page.locator('main').isVisible(), false);
    assert.deepEqual(faults, []);
  });
}
