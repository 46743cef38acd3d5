// What the operator wants objects to carry, and the key that they are encrypted with.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT, OperatorError } from '../model/errors.ts';
import type { ObjectSettings } from '../store/object-settings.ts';
import { codeOf } from '../tree/error-code.ts';

/** Commands that store nothing have only some of it. */
export interface ObjectConfig extends Omit<ObjectSettings, 'customerKey' | 'prefix'> {
  /** A path from the working directory. */
  readonly customerKeyFile?: string | undefined;
}

const KEY_BYTES = 32;

/** @throws OperatorError if the key cannot be had */
export function objectSettings(
  config: ObjectConfig,
  { cwd, prefix }: { readonly cwd: string; readonly prefix: string },
): ObjectSettings {
  const { contentType, cacheControl, storageClass, acl, tagging, metadata, encryption, kmsKeyId } = config;
  const { customerKeyFile: file, requesterPays, expectedBucketOwner } = config;
  return {
    ...{ contentType, cacheControl, storageClass, acl, tagging, metadata, encryption, kmsKeyId },
    ...{ requesterPays, expectedBucketOwner, prefix },
    customerKey: file === undefined ? undefined : readKey(resolve(cwd, file)),
  };
}

function readKey(file: string): Buffer {
  const bytes = read(file);
  if (bytes.length === KEY_BYTES) return bytes;
  const text = bytes.toString('latin1').trim();
  const decoded = /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64') : undefined;
  if (decoded !== undefined) return decoded;
  throw new OperatorError(`Cannot use --sse-c-key-file ${file}: it must hold ${KEY_BYTES} bytes, or their base64`, {
    exitCode: EXIT.fatal,
    hint: `A new key: head -c ${KEY_BYTES} /dev/urandom. Keep it: without it nobody reads the objects.`,
  });
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new OperatorError(`Cannot read --sse-c-key-file ${file}: ${codeOf(cause)}`, {
      exitCode: EXIT.fatal,
      hint: 'Check the path and its permissions.',
      cause,
    });
  }
}
