// Pure. An answer that is an error, in the shape the SDK gives it, which classify.ts reads.
import { parseXML } from '@aws-sdk/xml-builder';

/** The facts of an answer. */
export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer with a status that is no success. */
export function errorOf(answer: Answered, body: Buffer): Error {
  const { Code, Message, Region } = errorFields(body);
  const name = Code ?? (answer.status === 404 ? 'NotFound' : 'Unknown');
  return failure(answer, Message ?? '', { name, ...(Region === undefined ? {} : { Region }) });
}

/** An answer that says it worked and cannot be believed. */
export function unreadable(answer: Answered, message: string): Error {
  return failure(answer, message, {});
}

function failure({ status, headers }: Answered, message: string, fields: Record<string, string>): Error {
  return Object.assign(new Error(message), fields, { $response: { statusCode: status, headers } });
}

/** Whatever is not S3's document says nothing: a proxy's page, an empty body. */
function errorFields(body: Buffer): Readonly<Record<string, string | undefined>> {
  try {
    const fields = (parseXML(body.toString()) as { Error?: unknown }).Error;
    if (typeof fields !== 'object' || fields === null) return {};
    return Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === 'string' && value !== ''));
  } catch {
    return {};
  }
}
