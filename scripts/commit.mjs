// What a build says of itself.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Of which commit the build is, for `--version`: as AWSSYNCER_COMMIT says, where there is no git that could; else as git
 * does, with `-dirty` where files differ from it; else null.
 */
export function commit() {
  const given = env.AWSSYNCER_COMMIT;
  if (given) return given.replace(/^[0-9a-f]{40}/, (whole) => whole.slice(0, 7));
  // Git would go on to look for a checkout above this one.
  if (!existsSync(join(ROOT, '.git'))) return null;
  const describe = ['describe', '--always', '--dirty', '--exclude=*'];
  const { status, stdout } = spawnSync('git', describe, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.trim() : null;
}
