// A certificate of our own making.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** The certificate's file, for those who are to trust it. */
  readonly path: string;
}

/** Signed by itself and good for these names, such as `DNS:example.com` and `IP:127.0.0.1`. */
export function makeCertificate(directory: string, names: readonly string[]): Certificate {
  const [keyPath, path] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const made = ['-keyout', keyPath, '-out', path, '-days', '1', '-subj', '/CN=awssyncer test'];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...ec, ...made, '-addext', `subjectAltName=${names.join(',')}`], {
    stdio: 'pipe',
  });
  return { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(path, 'utf8'), path };
}
