import { failure } from './errors.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Requests must carry it. */
  readonly sessionToken?: string;
}

/** Whom the server knows: as with a role, there may be several credentials at a time, and they expire. */
export class Identities {
  readonly #known = new Map<string, Credentials>();
  readonly #expired = new Set<string>();

  /** From now on requests may be signed with these as well. */
  accept(credentials: Credentials): void {
    this.#known.set(credentials.accessKeyId, credentials);
    this.#expired.delete(credentials.accessKeyId);
  }

  /** From now on requests signed with this key are refused with ExpiredToken. */
  expire(accessKeyId: string): void {
    this.#expired.add(accessKeyId);
  }

  /** From now on nobody knows this key, as when a user's key was deleted. */
  revoke(accessKeyId: string): void {
    this.#known.delete(accessKeyId);
  }

  /**
   * The credentials of a request.
   *
   * @throws S3Failure with the code AWS answers.
   */
  identify(accessKeyId: string, sessionToken: string | undefined): Credentials {
    const credentials = this.#known.get(accessKeyId);
    // A temporary key is unknown without its token.
    if (credentials === undefined || (sessionToken === undefined && credentials.sessionToken !== undefined)) {
      throw failure('InvalidAccessKeyId', { fields: { AWSAccessKeyId: accessKeyId } });
    }
    if (sessionToken !== credentials.sessionToken) throw failure('InvalidToken');
    if (this.#expired.has(accessKeyId)) throw failure('ExpiredToken');
    return credentials;
  }
}
