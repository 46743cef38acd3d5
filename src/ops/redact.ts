// Keeps secrets out of what is printed and answered, wherever they come from.

/** Variables that hold one. */
const SECRET_VARIABLES = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN'];

/** Shorter values are placeholders of test servers, and would blot out innocent words. */
const SHORTEST_SECRET = 8;

/** So many forms of secrets are remembered: credentials may be renewed every hour for years. */
const MAX_FORMS = 256;

/** What a signed request carries in its headers or its query. */
const SIGNED = /\b(Signature=|X-Amz-Signature=|X-Amz-Security-Token[=:]\s?)[^&\s,"]+/gi;

/** An address with a password, such as that of a proxy. */
const WITH_PASSWORD = /^\w+:\/\/([^/?#@]*:[^/?#]+)@/;

/** The secrets of this process, as far as they are known. */
export class Secrets {
  readonly #forms = new Set<string>();
  #known: RegExp | undefined;

  /** @param env its secret variables, and the passwords of all addresses in it, are known at once */
  constructor(env: Readonly<Record<string, string | undefined>>) {
    for (const name of SECRET_VARIABLES) this.conceal(env[name] ?? '');
    for (const value of Object.values(env)) this.#concealUser(WITH_PASSWORD.exec(value ?? '')?.[1]);
  }

  /** From now on it is blotted out. */
  readonly conceal = (secret: string): void => {
    if (secret.length < SHORTEST_SECRET) return;
    const before = this.#forms.size;
    for (const form of formsOf(secret)) this.#forms.add(form);
    if (this.#forms.size === before) return;
    for (const oldest of this.#forms) {
      if (this.#forms.size <= MAX_FORMS) break;
      this.#forms.delete(oldest);
    }
    // The longest first: one may be the beginning of another.
    const longestFirst = [...this.#forms].sort((a, b) => b.length - a.length);
    this.#known = new RegExp(longestFirst.map(escaped).join('|'), 'g');
  };

  /** The text without secrets, signatures and session tokens of requests. */
  readonly redact = (text: string): string => {
    const safe = this.#known === undefined ? text : text.replace(this.#known, '***');
    return safe.replace(SIGNED, '$1***');
  };

  /** `name:password` as it stands in an address, where either may be percent-encoded; what is sent is the base64 of both. */
  #concealUser(user: string | undefined): void {
    if (user === undefined) return;
    const plain = decoded(user);
    this.conceal(decoded(user.slice(user.indexOf(':') + 1)));
    this.conceal(user.slice(user.indexOf(':') + 1));
    this.conceal(Buffer.from(plain).toString('base64'));
  }
}

/** As it is, and as it stands in JSON, in an address and in base64. */
function formsOf(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64');
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), base64, encodeURIComponent(base64)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
