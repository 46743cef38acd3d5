// Pure. The proxies that the environment names, as curl and the aws command read it.

/** '' where there is none. */
export interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  /** Hosts that are reached without. */
  readonly noProxy: string;
}

/** Lower case comes first. */
export function proxiesOf(env: Readonly<Record<string, string | undefined>>): Proxies {
  const find = (name: string): string => env[name] || env[name.toUpperCase()] || '';
  return { httpProxy: find('http_proxy'), httpsProxy: find('https_proxy'), noProxy: find('no_proxy') };
}

/** Whether there is one for addresses that begin like this one. */
export function hasProxy(proxies: Proxies, origin: string): boolean {
  return (origin.startsWith('https:') ? proxies.httpsProxy : proxies.httpProxy) !== '';
}
