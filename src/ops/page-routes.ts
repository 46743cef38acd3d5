// The files of the status pages, as they are served.
import { pageFile } from './page-file.ts';
import { OPEN, type Route, Text } from './site.ts';

/** What the page may do: read its own files, ask its own agent, and nothing else; nobody may show it within theirs. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** A file of the status page. */
export function partOfPage(name: string, type: string): Route<unknown> {
  const headers = { 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer' };
  return {
    ...OPEN,
    answer: () => [200, new Text(`${type}; charset=utf-8`, pageFile(name), headers)],
  };
}

/** What every page is made of. */
export const COMMON_PARTS: Readonly<Record<string, Route<unknown>>> = {
  '/asking.js': partOfPage('asking.js', 'text/javascript'),
  '/page.css': partOfPage('page.css', 'text/css'),
  '/reading.js': partOfPage('reading.js', 'text/javascript'),
  '/rows.js': partOfPage('rows.js', 'text/javascript'),
  '/words.js': partOfPage('words.js', 'text/javascript'),
  '/icon.svg': partOfPage('icon.svg', 'image/svg+xml'),
};
