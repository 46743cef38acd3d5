// Pure. What a release must be able to rely on: which version it is, and that the changelog tells of it.
import type { Finding, Source } from './source.ts';

/** https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string, without build metadata. */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][\w-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][\w-]*))*)?$/;

/** A section of the changelog, with the day of its release. */
const SECTION = /^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$/gm;

/** A version that is none, that the lock file does not have, or that the changelog says nothing of. */
export function checkRelease(sources: readonly Source[]): Finding[] {
  const textOf = (path: string) => sources.find((source) => source.path === path)?.text ?? '';
  const { version, dependencies } = JSON.parse(textOf('package.json')) as { version: string; dependencies?: object };
  const locked = (JSON.parse(textOf('package-lock.json')) as { version: string }).version;
  const sections = [...textOf('CHANGELOG.md').matchAll(SECTION)].map(([, name, day]) => ({ name, day }));
  const told = sections.some(({ name, day }) => name === 'Unreleased' || (name === version && day !== undefined));
  const findings: [wrong: boolean, path: string, message: string][] = [
    [!SEMVER.test(version), 'package.json', `has the version ${version}, which is none of SemVer`],
    [
      locked !== version,
      'package-lock.json',
      `has the version ${locked}, package.json ${version}: npm version sets both`,
    ],
    [!told, 'CHANGELOG.md', `has neither a section [Unreleased] nor one [${version}] with the day of its release`],
    [
      dependencies !== undefined,
      'package.json',
      'has dependencies: whoever installs the package gets all in one file, they are devDependencies',
    ],
  ];
  return findings.filter(([wrong]) => wrong).map(([, path, message]) => ({ path, message }));
}
