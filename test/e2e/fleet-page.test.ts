// The status page of an agent that keeps several directories, in a real browser.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browsers, openPage } from '../support/browser.ts';
import { allWatch, FleetGround } from '../support/fleet-agent.ts';
import { HOSTILE } from '../support/http-agent.ts';
import { strictStage } from '../support/stage.ts';

for (const executablePath of browsers()) {
  test('S15 it shows each directory, the one that failed too, and leads to all about each', async (t) => {
    const stage = await strictStage(t);
    const ground = new FleetGround(stage);
    const hostile = join(stage.dir, HOSTILE[0]!);
    ground.say({ wiki: {}, broken: { command: 'watch', local: hostile } });
    const { cli, base } = await ground.start();
    const { page, requests, faults } = await openPage(t, base, {
      executablePath,
      viewport: { width: 320, height: 640 },
    });
    await page.locator('#headline', { hasText: /^1 of 2 directories in sync$/ }).waitFor();
    await page.locator('#directories li[data-kind=bad]', { hasText: /^broken Failed, it is tried again / }).waitFor();
    await page.locator('#directories bdi', { hasText: `${hostile} → s3://test-bucket/broken/` }).waitFor();
    assert.deepEqual(
      await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]'),
      [320, 320],
    );
    assert.deepEqual(await page.locator('#directories a[href]').allTextContents(), ['wiki']);
    mkdirSync(hostile);
    await allWatch(base, cli);
    await page.locator('#headline', { hasText: /^All 2 directories in sync$/ }).waitFor();
    assert.equal(await page.title(), 'All 2 directories in sync · awssyncer');
    assert.equal(await page.locator('main :is(img, script, iframe)').count(), 0);

    ground.put('wiki', 'page');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${base}directories/wiki/`);
    await page.locator('#recent', { hasText: 'uploaded page 4 B' }).waitFor();
    assert.equal(await page.locator('#remote').textContent(), 's3://test-bucket/wiki/');
    assert.deepEqual(faults, []);
    for (const url of requests) assert.ok(url.startsWith(base), url);
  });
}
