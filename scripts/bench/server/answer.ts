// What operations are given, and how they answer.
import { s3Document, type XmlNode } from '../../../test/strict-s3/xml.ts';
import type { Bucket } from './bucket.ts';
import type { EtagPolicy } from './content.ts';
import { S3Failure } from './failure.ts';
import type { HttpAnswer } from './http.ts';
import type { S3Request } from './request.ts';

/** All that the server holds. */
export interface Service {
  readonly buckets: Map<string, Bucket>;
  readonly etags: EtagPolicy;
}

export interface Call {
  readonly service: Service;
  readonly request: S3Request;
}

export type Operation = (call: Call) => HttpAnswer;

/** @throws S3Failure `NoSuchBucket` */
export function bucketOf(service: Service, name: string): Bucket {
  const bucket = service.buckets.get(name);
  if (bucket === undefined) throw new S3Failure('NoSuchBucket');
  return bucket;
}

export function xmlAnswer(root: string, children: readonly XmlNode[], head = ''): HttpAnswer {
  return { status: 200, head: `Content-Type: application/xml\r\n${head}`, body: s3Document(root, children) };
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
