// Checks what types and lint cannot: layers, purity, hygiene, generated documentation, links, the version. Prints what is wrong and exits 1, or says that all is well.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkDocs } from './docs.ts';
import { checkHygiene } from './hygiene.ts';
import { checkLayers } from './layers.ts';
import { checkLinks } from './links.ts';
import { checkPurity } from './purity.ts';
import { checkRelease } from './release.ts';

const FILES = ['{src,test,scripts,docker,.ci}/**', '*.{json,md}', '.npmrc', 'LICENSE'];

const sources = globSync(FILES, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

const checks = [checkLayers, checkPurity, checkHygiene, checkDocs, checkLinks, checkRelease];
const findings = checks.flatMap((check) => check(sources));
for (const { path, message } of findings) console.error(`${path} ${message}`);
if (findings.length > 0) process.exitCode = 1;
else
  console.log(
    `check: layers, purity, hygiene, documents, links and version of ${sources.length} files are as they should be`,
  );
