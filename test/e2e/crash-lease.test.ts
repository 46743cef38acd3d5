// kill -9 at every step of an agent that takes, holds and gives back the lease; the next one on its state directory goes on.
import { test } from 'node:test';
import { CrashGround, crashTools, forEachStep } from '../support/crashes.ts';
import { assertMirrored } from '../support/reference.ts';

const FLAGS = ['--lease=active'];

test('S12 kill -9 at any step under the lease: the next agent takes its own lease back, and writes', async (t) => {
  const tools = await crashTools(t);
  await forEachStep({ first: 8, last: 30 }, async (at) => {
    const ground = new CrashGround(t, { ...tools, others: false });
    for (const path of ['f', 'g']) ground.write(path);
    await ground.crash('watch', 0, FLAGS);
    ground.write('f', 'changed');
    ground.remove('g');
    const { killed, steps } = await ground.crash('watch', at, FLAGS);
    ground.write('new');
    try {
      await ground.crash('watch', 0, FLAGS);
      const others = [`${ground.prefix}.awssyncer/lease`];
      assertMirrored(ground.server, ground.root, { prefix: ground.prefix, others });
    } catch (error) {
      throw new Error(`killed at step ${at}: ${steps.at(-1)}`, { cause: error });
    }
    return killed;
  });
});
