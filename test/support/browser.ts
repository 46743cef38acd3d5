// A real browser: the Chromium of this machine, where there is one.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const CHROMIUM = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'chromium'))
  .find((path) => existsSync(path));

/**
 * The programs to run in: one, or none where it is not installed, which is said in one line.
 *
 * @throws if AWSSYNCER_REQUIRE_CHROMIUM=1 and there is none
 */
export function browsers(): readonly string[] {
  if (CHROMIUM !== undefined) return [CHROMIUM];
  if (process.env['AWSSYNCER_REQUIRE_CHROMIUM'] === '1') {
    throw new Error('Cannot run in Chromium, which AWSSYNCER_REQUIRE_CHROMIUM demands: it is not installed');
  }
  console.log('Chromium: not run, it is not installed');
  return [];
}

/** A page that is watched. */
export interface WatchedPage {
  readonly page: Page;
  /** Every URL it asked for. */
  readonly requests: string[];
  /** What no page of ours may bring about: errors and warnings, dialogs, what its policy had to stop. */
  readonly faults: string[];
}

export interface OpenOptions extends BrowserContextOptions {
  readonly executablePath: string;
  /** The page's time passes only when `page.clock` is told so. Default: false. */
  readonly ownTime?: boolean;
}

/** Opens a page in a browser of its own, which ends with the test. */
export async function openPage(
  t: TestContext,
  url: string,
  { executablePath, ownTime = false, ...options }: OpenOptions,
): Promise<WatchedPage> {
  const browser = await chromium.launch({ executablePath });
  t.after(() => browser.close());
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const [requests, faults]: [string[], string[]] = [[], []];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text());
  });
  page.on('dialog', (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  if (ownTime) await page.clock.install();
  await page.goto(url);
  return { page, requests, faults };
}
