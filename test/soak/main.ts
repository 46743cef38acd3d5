// npm run soak -- --minutes N [--seed S] [--target strict|rgw|both]
import { parseArgs } from 'node:util';
import { availableTargets } from '../support/s3-targets.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.trunc(Math.random() * 1e9)) },
    target: { type: 'string', default: 'both' },
  },
});
const targets = { strict: ['strict'], rgw: ['RGW'], both: ['strict', 'RGW'] }[values.target];
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (targets === undefined || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run soak -- [--minutes N] [--seed S] [--target strict|rgw|both]');
  process.exit(2);
}
const choices = availableTargets().filter(({ name }) => targets.includes(name));
console.log(`soak: seed ${seed}, ${minutes} minutes on ${choices.map(({ name }) => name).join(' and ')}`);
try {
  for (const choice of choices) {
    await soak({ choice, seconds: (minutes * 60) / choices.length, seed, say: (line) => console.log(line) });
  }
} catch (error) {
  console.error((error as Error).message);
  console.error(`again: npm run soak -- --seed ${seed} --target ${values.target}`);
  process.exitCode = 1;
}
if (choices.length === 0) process.exitCode = 2;
