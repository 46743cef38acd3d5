// Pure. Links between documents lead to files and headings that are there.
import { posix } from 'node:path';
import type { Finding, Source } from './source.ts';

const FENCED = /^( *)```[\s\S]*?^\1```$/gm;
const LINK = /\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g;
const HEADING = /^#+ +(.+?) *$/gm;
const ANCHOR = /<a id="([^"]+)">/g;

/** The relative links of all documents that lead nowhere. */
export function checkLinks(sources: readonly Source[]): Finding[] {
  const documents = sources.filter(({ path }) => path.endsWith('.md'));
  const anchors = new Map(documents.map(({ path, text }) => [path, anchorsOf(text)]));
  const places = new Set(sources.flatMap(({ path }) => [path, ...foldersOf(path)]));
  return documents.flatMap(({ path, text }) => {
    const links = [...withoutCode(text).matchAll(LINK)];
    return links.flatMap(([, target = '', anchor]) => {
      const place = target === '' ? path : posix.join(posix.dirname(path), target).replace(/\/$/, '');
      if (!places.has(place)) return [{ path, message: `links to ${target}, which is not there` }];
      if (anchor === undefined || anchors.get(place)?.has(anchor)) return [];
      return [{ path, message: `links to ${target}#${anchor}: there is no such heading` }];
    });
  });
}

/** What can follow '#': headings as GitHub turns them into anchors, a repeated one with a number, and anchors by hand. */
function anchorsOf(text: string): Set<string> {
  const plain = withoutCode(text);
  const anchors = new Set([...plain.matchAll(ANCHOR)].map(([, id]) => id!));
  for (const [, heading] of plain.matchAll(HEADING)) {
    const anchor = slug(heading!);
    let name = anchor;
    for (let n = 1; anchors.has(name); n++) name = `${anchor}-${n}`;
    anchors.add(name);
  }
  return anchors;
}

function slug(heading: string): string {
  const shown = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  return shown
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-');
}

function withoutCode(text: string): string {
  return text.replace(FENCED, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()<>]/g, ''));
}

function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
