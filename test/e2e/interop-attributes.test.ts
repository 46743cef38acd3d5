// What of mode, owner, time, links and directories goes from awssyncer to other programs, and from them to us.
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { elsewhere, filesOf, plantIn, treeOf } from '../support/attributes.ts';
import { installedClients, type RemoteDirectory } from '../support/other-clients.ts';
import { availableTargets, type S3Target } from '../support/s3-targets.ts';
import { mountS3fs, whyNoS3fs } from '../support/s3fs.ts';
import { PREFIX, type Stage, stageOn } from '../support/stage.ts';

const NO_S3FS = whyNoS3fs();
const isRoot = process.geteuid!() === 0;
if (NO_S3FS !== undefined) console.log(NO_S3FS);
if (!isRoot) console.log('interoperation of owners: not run, this user may not give files away');
const CLIENTS = isRoot ? installedClients() : [];

for (const choice of availableTargets().filter(({ name }) => name === 'strict' || name === 'RGW')) {
  describe(`interoperation on ${choice.name}`, () => {
    let target: S3Target;
    before(async () => {
      target = await choice.start();
    });
    after(() => target.close());

    const setTheScene = async (t: Parameters<typeof stageOn>[0]): Promise<Stage & { remote: RemoteDirectory }> => {
      const bucket = await target.makeBucket();
      const stage = stageOn(t, target, bucket);
      return { ...stage, remote: { target, bucket, prefix: PREFIX.slice(0, -1), home: join(stage.dir, 'home') } };
    };

    if (NO_S3FS === undefined) {
      test('S13 s3fs shows what awssyncer wrote: content, mode, owner, time, links and directories', async (t) => {
        const { local, url, run, remote } = await setTheScene(t);
        plantIn(local);
        mkdirSync(join(local, 'plain'));
        writeFileSync(join(local, 'plain/d'), 'd');
        const { code, stderr } = await run(['sync', local, url]);
        assert.equal(code, 0, stderr);
        const { at, unmount } = await mountS3fs(t, remote);
        // Without an object of its own a directory has a mode of s3fs's own.
        const { ['plain/']: plain, ...seen } = await elsewhere('tell', at);
        assert.match(plain!, /^040750 /);
        assert.deepEqual(seen, treeOf(local));
        await unmount();
      });

      test('S13 what was written through s3fs restores as it was, and is adopted', async (t) => {
        const { dir, url, run, remote } = await setTheScene(t);
        const { at, unmount } = await mountS3fs(t, remote);
        await elsewhere('plant', at);
        const written = await elsewhere('move', at);
        await unmount();
        const copy = join(dir, 'copy');
        const restored = await run(['restore', '--state-dir', 'none', url, copy]);
        assert.equal(restored.code, 0, restored.stderr);
        assert.deepEqual(treeOf(copy), written);
        const verified = await run(['verify', '--download', copy, url]);
        assert.doesNotMatch(verified.stdout, /^(missing|kind|size|content|metadata|unreadable)/m, verified.stderr);
        const synced = await run(['sync', '--json', copy, url]);
        const { adopted, copied, bytes } = JSON.parse(synced.stdout);
        // Links and directories are stored anew, they cost as much to look at.
        const ofLink = 'closed/deep/b'.length;
        assert.deepEqual({ adopted, copied, bytes }, { adopted: 6, copied: 0, bytes: ofLink }, synced.stderr);
      });
    }

    for (const client of CLIENTS.filter(({ carriesModes }) => carriesModes)) {
      test(`S13 mode, owner and time that ${client.name} stored come back`, async (t) => {
        const { dir, local, url, run, remote } = await setTheScene(t);
        plantIn(local);
        await client.upload(local, remote, { withModes: true });
        const copy = join(dir, 'copy');
        const restored = await run(['restore', '--state-dir', 'none', url, copy]);
        assert.equal(restored.code, 0, restored.stderr);
        const back = filesOf(copy);
        const expected = Object.entries(filesOf(local)).map(([path, text]) => {
          return [path, client.storesTimesByNs ? text : text.replace('.123456789', '.000000000')];
        });
        for (const path of Object.keys(back)) if (path.endsWith('.rclonelink')) delete back[path];
        assert.deepEqual(back, Object.fromEntries(expected));
      });
    }

    for (const client of CLIENTS.filter(({ restoresModes }) => restoresModes)) {
      test(`${client.name} brings back the mode, owner and time that awssyncer stored`, async (t) => {
        const { dir, local, url, run, remote } = await setTheScene(t);
        plantIn(local);
        assert.equal((await run(['sync', local, url])).code, 0);
        const copy = join(dir, 'copy');
        mkdirSync(copy);
        await client.download(remote, copy, { withModes: true });
        // It knows nothing of our links.
        assert.ok(lstatSync(join(copy, 'link')).isFile());
        const { link: _, ...back } = filesOf(copy);
        // Nor does it give a file to run under another user.
        const { script, ...expected } = filesOf(local);
        assert.deepEqual(back, { ...expected, script: script!.replace('0104755', '0100755') });
      });
    }
  });
}
