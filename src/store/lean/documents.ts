// Pure. The XML of requests and answers; an answer in XML is believed only if it is whole.
import { parseXML, XmlNode } from '@aws-sdk/xml-builder';
import { isWhole } from '../whole-document.ts';
import { type Answered, errorOf, unreadable } from './error-answer.ts';

/** An element's children by name: text, an element, or an array of those that share the name. */
export type XmlElement = Readonly<Record<string, unknown>>;

/** The text of an answer, whose root is this element. An Error in its place is thrown as one. */
export function wholeText(answer: Answered & { readonly body: Buffer }, root: string): string {
  const text = answer.body.toString('utf8').trim();
  // By the SDK's rule an Error after a 200 is a 503, unless its code says better.
  if (isWhole(text, 'Error')) throw errorOf({ ...answer, status: 503 }, answer.body);
  if (!isWhole(text, root)) throw unreadable(answer, `it is no whole ${root}`);
  return text;
}

/** The children of a document's root. */
export function readDocument(answer: Answered & { readonly body: Buffer }, root: string): XmlElement {
  const text = wholeText(answer, root);
  try {
    return elementOf((parseXML(text) as XmlElement)[root]);
  } catch (error) {
    throw unreadable(answer, (error as Error).message);
  }
}

/** All children of this name. */
export function elementsOf(parent: XmlElement, name: string): readonly XmlElement[] {
  const found = parent[name];
  return found === undefined ? [] : (Array.isArray(found) ? found : [found]).map(elementOf);
}

/** The text of the only child of this name. */
export function textOf(parent: XmlElement, name: string): string | undefined {
  const found = parent[name];
  return typeof found === 'string' ? found : undefined;
}

/** The body of DeleteObjects. Not in quiet mode: each key is to be named in the answer. */
export function deleteDocument(keys: readonly string[]): Buffer {
  const root = new XmlNode('Delete').addAttribute('xmlns', 'http://s3.amazonaws.com/doc/2006-03-01/');
  for (const key of keys) root.addChildNode(new XmlNode('Object').addChildNode(XmlNode.of('Key', key)));
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${root}`);
}

function elementOf(value: unknown): XmlElement {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as XmlElement) : {};
}
