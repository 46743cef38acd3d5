// Pure. What went wrong between two ends of a connection, by the names that Node and the SDK have for it.

/** The other side took too long to accept the connection: nothing was sent. */
export function connectTimeout(): Error {
  return named('the server does not accept the connection', 'ConnectTimeout');
}

/** Nothing moved for as long as a request may take. */
export function timedOut(): Error {
  return named('the server made no progress', 'TimeoutError');
}

/** The connection ended in the middle of an exchange. */
export function cutOff(): Error {
  return named('the connection was closed before the answer was complete', 'ECONNRESET');
}

/**
 * What the system says of a connection that had been made: it knows EHOSTUNREACH and its like there too, which mean that
 * nothing was sent only where there was no connection yet.
 */
export function broken({ message }: Error): Error {
  return named(message, 'ECONNRESET');
}

/** What came is no HTTP/1.1. */
export function malformed(rule: string): Error {
  return named(`the answer is no HTTP/1.1: ${rule}`, 'MalformedAnswer');
}

/** It cannot be sent. */
export function unsendable(name: string): Error {
  return named(`invalid character in ${name}`, 'ERR_INVALID_CHAR');
}

function named(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Each of undici's codes: https://undici.nodejs.org/#/docs/api/Errors */
const NAMES: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'ConnectTimeout',
  UND_ERR_HEADERS_TIMEOUT: 'TimeoutError',
  UND_ERR_BODY_TIMEOUT: 'TimeoutError',
  UND_ERR_SOCKET: 'ECONNRESET',
  UND_ERR_INVALID_ARG: 'ERR_INVALID_CHAR',
  // What we abort ourselves has our own reason: this is a proxy that refused to connect to the server.
  UND_ERR_ABORTED: 'ERR_PROXY_TUNNEL',
  UND_ERR_PRX_CONN: 'ERR_PROXY_TUNNEL',
  UND_ERR_PRX_TLS: 'ERR_TLS_CERT_ALTNAME_INVALID',
};

/** The error itself, unless it goes by a name of undici's own. */
export function errorOfUndici(error: Error): Error {
  const code = NAMES[String((error as { code?: unknown }).code)];
  return code === undefined ? error : named(error.message, code);
}
