// Pure. What undici reports, by the names that Node and the SDK have for it.

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
export function connectionError(error: Error): Error {
  const code = NAMES[String((error as { code?: unknown }).code)];
  return code === undefined ? error : Object.assign(new Error(error.message), { code });
}
