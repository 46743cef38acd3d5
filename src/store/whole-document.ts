// Pure. Whether a document in XML was cut: a parser may take one that was for a shorter one.

/** Whether the trimmed document begins and ends with this element; an XML declaration may come first. */
export function isWhole(text: string, root: string): boolean {
  const start = text.startsWith('<?xml') ? text.indexOf('?>') + 2 : 0;
  const opened = text.slice(start).trimStart();
  return new RegExp(`^<${root}[\\s/>]`).test(opened) && (opened.endsWith(`</${root}>`) || /^<[^<>]*\/>$/.test(opened));
}
