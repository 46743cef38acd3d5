// Pure. The kinds of value an option can have: how each is read, shown and explained.

/** How the text of one option becomes a value. */
export interface Kind<T> {
  /** What help shows in place of a value; '' for a flag that needs none. */
  readonly placeholder: string;
  /** Completes "it must be ...". */
  readonly rule: string;
  /** The value, or undefined when the text breaks the rule. */
  parse(text: string): T | undefined;
  /** Text that parse reads back as the same value. */
  show(value: T): string;
  /** What people write here by mistake may hold a password: an error does not repeat it. */
  readonly isSecret?: boolean;
  /** A value may begin with '-', as the next word too. */
  readonly isSigned?: boolean;
}

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Node's timers fire at once beyond 2^31 ms (24.8 days); a jittered interval may be 5/4 of what is set. */
const LONGEST_MS = 14 * MS.d;

/** A duration in milliseconds. With `off`, 'off' and 0 mean never, held as 0. */
export function duration(options: { minMs?: number; off?: boolean } = {}): Kind<number> {
  const { minMs = 0, off = false } = options;
  const least = minMs > 0 ? `, at least ${showDuration(minMs)}` : '';
  return {
    placeholder: 'DURATION',
    rule: `a duration such as 50ms, 1s, 2m or 6h (a plain number is seconds)${least}, at most 14d${off ? ", or 'off'" : ''}`,
    parse(text) {
      if (off && text === 'off') return 0;
      const ms = parseDuration(text);
      return ms !== undefined && ((off && ms === 0) || ms >= minMs) && ms <= LONGEST_MS ? ms : undefined;
    },
    show: (ms) => (off && ms === 0 ? 'off' : showDuration(ms)),
  };
}

function parseDuration(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d)?$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  return Math.round(Number(number) * MS[(unit === 'min' ? 'm' : unit) as keyof typeof MS]);
}

function showDuration(ms: number): string {
  if (ms === 0) return '0s';
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms % MS[unit] === 0) return `${ms / MS[unit]}${unit}`;
  }
  return `${ms}ms`;
}

const BYTES: Readonly<Record<string, number>> = {
  ...{ tib: 2 ** 40, gib: 2 ** 30, mib: 2 ** 20, kib: 2 ** 10 },
  ...{ tb: 1e12, gb: 1e9, mb: 1e6, kb: 1e3 },
  ...{ t: 2 ** 40, g: 2 ** 30, m: 2 ** 20, k: 2 ** 10, b: 1 },
};

/** A size in bytes: KiB and plain k are 1,024, KB is 1,000. */
export function size(options: { minBytes: number; maxBytes: number }): Kind<number> {
  const { minBytes, maxBytes } = options;
  return {
    placeholder: 'SIZE',
    rule: `a size such as 8MiB, 16MB or 64k (a plain number is bytes) from ${showSize(minBytes)} to ${showSize(maxBytes)}`,
    parse(text) {
      const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?)\s?([kmgt]?i?b?)?$/i.exec(text) ?? [];
      const factor = BYTES[unit.toLowerCase() || 'b'];
      if (number === undefined || factor === undefined) return undefined;
      const bytes = Math.round(Number(number) * factor);
      return bytes >= minBytes && bytes <= maxBytes ? bytes : undefined;
    },
    show: showSize,
  };
}

function showSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB', 'TB', 'GB', 'MB']) {
    const factor = BYTES[unit.toLowerCase()]!;
    if (bytes > 0 && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return `${bytes}`;
}

/** A whole number within bounds. */
export function count(options: { min: number; max: number }): Kind<number> {
  const { min, max } = options;
  return {
    placeholder: 'N',
    rule: `a whole number from ${min} to ${max}`,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
    show: String,
  };
}

/** The size of a surprise: both numbers must be exceeded. */
export interface DeleteGuard {
  readonly count: number;
  readonly percent: number;
}

/** COUNT,PERCENT% of a DeleteGuard. */
export const deleteGuard: Kind<DeleteGuard> = {
  placeholder: 'N,P%',
  rule: 'a number and a percentage such as 1000,50%',
  parse(text) {
    const [, number, percent] = /^(\d{1,15}),(\d{1,3})%$/.exec(text) ?? [];
    return number === undefined || Number(percent) > 100
      ? undefined
      : { count: Number(number), percent: Number(percent) };
  },
  show: (guard) => `${guard.count},${guard.percent}%`,
};

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    placeholder: words.join('|'),
    rule: `one of ${words.join(', ')}`,
    parse: (text) => words.find((word) => word === text),
    show: (word) => word,
  };
}

const TRUTH: Readonly<Record<string, boolean>> = { true: true, yes: true, 1: true, false: false, no: false, 0: false };

/** A switch: on by its mere name, or set with =true or =false (which is how the environment sets it). */
export const flag: Kind<boolean> = {
  placeholder: '',
  rule: 'true or false',
  parse: (text) => TRUTH[text.toLowerCase()],
  show: String,
};

/** Any text but the empty one. */
export function text(placeholder: string): Kind<string> {
  return { placeholder, rule: 'a text that is not empty', parse: (text) => text || undefined, show: (text) => text };
}

/** A moment, ms since 1970, or how long ago it was. */
export type Moment = { readonly atMs: number } | { readonly agoMs: number };

/** A moment in the past. https://www.rfc-editor.org/rfc/rfc3339 */
export const moment: Kind<Moment> = {
  placeholder: 'TIME',
  rule: 'a moment with its zone such as 2026-11-01T12:00:00Z or 2026-11-01T13:00:00+01:00, or how long ago it was such as -2h',
  parse(text) {
    const agoMs = text.startsWith('-') ? parseDuration(text.slice(1)) : undefined;
    if (agoMs !== undefined) return { agoMs };
    const isWhole = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/i.test(text);
    const atMs = isWhole ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
    // The 30th of February would be a day in March.
    const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
    return Number.isNaN(atMs) || day.getUTCDate() !== Number(text.slice(8, 10)) ? undefined : { atMs };
  },
  show: (moment) => ('atMs' in moment ? new Date(moment.atMs).toISOString() : `-${showDuration(moment.agoMs)}`),
  isSigned: true,
};

/** What an HTTP header can carry. */
export function headerText(placeholder: string): Kind<string> {
  return {
    placeholder,
    rule: 'printable ASCII text that neither begins nor ends with a blank',
    parse: (text) => (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) ? text : undefined),
    show: (text) => text,
  };
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-media-type */
export const mediaType: Kind<string> = {
  placeholder: 'TYPE',
  rule: "a media type such as text/html or 'text/plain; charset=utf-8'",
  parse: (text) => (/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\x21-\x7e][\x20-\x7e]*)?$/.test(text) ? text : undefined),
  show: (text) => text,
};

/** An account of AWS. */
export const accountId: Kind<string> = {
  placeholder: 'ACCOUNT',
  rule: 'an account id of 12 digits',
  parse: (text) => (/^\d{12}$/.test(text) ? text : undefined),
  show: (id) => id,
};

/** Objects that must be thawed first cannot be restored or copied. */
const FROZEN: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/** A storage class of AWS, or of another server, which may have its own. */
export const storageClass: Kind<string> = {
  placeholder: 'CLASS',
  rule: 'a storage class whose objects can be read at once, such as STANDARD_IA, INTELLIGENT_TIERING or GLACIER_IR',
  parse: (text) => (/^[A-Z][A-Z0-9_-]*$/.test(text) && !FROZEN.has(text) ? text : undefined),
  show: (name) => name,
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
const MAX_TAGS = 10;

/** The tags of an object, encoded as S3 takes them. */
export const tags: Kind<string> = {
  placeholder: 'NAME=VALUE&...',
  rule: `up to ${MAX_TAGS} tags such as 'team=infra&kind=state', each name once, with at most 128 characters and its value with 256`,
  parse(text) {
    if (!/^[^&=]+=[^&=]*(?:&[^&=]+=[^&=]*)*$/.test(text)) return undefined;
    const all = [...new URLSearchParams(text)];
    const names = new Set(all.map(([name]) => name));
    const fits = all.every(([name, value]) => name.length <= 128 && value.length <= 256);
    return all.length <= MAX_TAGS && names.size === all.length && fits ? String(new URLSearchParams(all)) : undefined;
  },
  show: (tags) => tags,
};

/** What of S3's 2 KiB is left to others. https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
const MAX_METADATA_BYTES = 1024;
/** Names of ours, and of other programs whose metadata a restore understands. */
const RESERVED_METADATA = /^(mtime|mode|uid|gid|awssyncer-.*|s3cmd-attrs|file-.*)$/;

/** NAME=VALUE,...: user metadata, names in lower case. */
export const userMetadata: Kind<Readonly<Record<string, string>>> = {
  placeholder: 'NAME=VALUE,...',
  rule: `names and values in ASCII such as 'team=infra,job=game', at most ${MAX_METADATA_BYTES} bytes, none of them mtime, mode, uid, gid, awssyncer-*, s3cmd-attrs or file-*`,
  parse(text) {
    const metadata: Record<string, string> = {};
    for (const pair of text.split(',')) {
      const [, name, value] = /^([a-z0-9][a-z0-9-]*)=([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/i.exec(pair) ?? [];
      if (name === undefined || RESERVED_METADATA.test(name.toLowerCase())) return undefined;
      if (Object.hasOwn(metadata, name.toLowerCase())) return undefined;
      metadata[name.toLowerCase()] = value!;
    }
    return text.length <= MAX_METADATA_BYTES ? metadata : undefined;
  },
  show: (metadata) =>
    Object.entries(metadata)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
};

/** A path. U+FFFD is what Node makes of bytes that are not UTF-8: such a path could only name something else. */
export const path: Kind<string> = {
  placeholder: 'PATH',
  rule: 'a path in UTF-8',
  parse: (text) => (text === '' || /[\0\ufffd]/.test(text) ? undefined : text),
  show: (text) => text,
};

/** A path, or the word 'none' as it is. */
export const pathOrNone: Kind<string> = { ...path, placeholder: 'PATH|none', rule: "a path in UTF-8, or 'none'" };

/** The address of an S3 server. Credentials do not belong in it: it is logged. */
export const endpoint: Kind<string> = {
  placeholder: 'URL',
  rule: 'a URL such as https://s3.example.com:9000, without user, password and query',
  parse(text) {
    if (!URL.canParse(text)) return undefined;
    const { protocol, username, password, search, hash } = new URL(text);
    const plain = username + password + search + hash === '';
    return plain && (protocol === 'http:' || protocol === 'https:') ? text : undefined;
  },
  show: (url) => url,
  isSecret: true,
};

/** Where to listen. */
export interface ListenAddress {
  /** A name or an address; that of IPv6 without its brackets. */
  readonly host: string;
  /** 0: whatever is free. */
  readonly port: number;
}

/** HOST:PORT, [IPv6]:PORT, or PORT of the loopback. */
export const listenAddress: Kind<ListenAddress> = {
  placeholder: 'HOST:PORT',
  rule: 'an address such as 127.0.0.1:9090, [::1]:9090 or 0.0.0.0:9090, or only a port',
  parse(text) {
    const [, bracketed, name, digits] = /^(?:(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):)?(\d{1,5})$/i.exec(text) ?? [];
    const port = digits === undefined ? Number.NaN : Number(digits);
    return port <= 65_535 ? { host: bracketed ?? name ?? '127.0.0.1', port } : undefined;
  },
  show: ({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
};

/** The same, or `off` for none. */
export const listenAddressOrOff: Kind<ListenAddress | 'off'> = {
  ...listenAddress,
  placeholder: 'HOST:PORT|off',
  rule: `${listenAddress.rule}, or off`,
  parse: (text) => (text === 'off' ? text : listenAddress.parse(text)),
  show: (address) => (address === 'off' ? address : listenAddress.show(address)),
};

/** A glob of --include or --exclude, compiled by the filter. */
export const glob: Kind<string> = {
  placeholder: 'GLOB',
  rule: 'a glob in UTF-8',
  parse: path.parse,
  show: (glob) => glob,
};

/** The same for an option that repeats. */
export const globs: Kind<readonly string[]> = {
  ...glob,
  parse: (text) => (path.parse(text) === undefined ? undefined : [text]),
  show: (globs) => globs.join('|'),
};
