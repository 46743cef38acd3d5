// Certificates of our own making.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import tls from 'node:tls';
import { tempDir } from './temp-dir.ts';

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

const BY_DEFAULT = tls.getCACertificates('default');

/** This process trusts these certificates besides those it would, and no others. */
export function trust(...certificates: readonly Certificate[]): void {
  tls.setDefaultCACertificates([...BY_DEFAULT, ...certificates.map(({ cert }) => cert)]);
}

/** One for this machine that this process trusts while the tests of the file run. It is there when they begin. */
export function trustedCertificate(): () => Certificate {
  let certificate: Certificate | undefined;
  before((t) => {
    certificate = makeCertificate(tempDir(t as TestContext), ['IP:127.0.0.1', 'DNS:localhost']);
    trust(certificate);
  });
  after(() => trust());
  return () => certificate!;
}
