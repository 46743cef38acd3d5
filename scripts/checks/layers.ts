// Pure. Imports go one way: a file imports from lower layers and from its own unit, never upwards or sideways.
import { type Finding, importsOf, type Source } from './source.ts';

/** The layers, lowest first. Each entry is a unit, a folder or a file; units of one layer do not know each other. */
const LAYERS: readonly (readonly string[])[] = [
  ['src/model/'],
  // The contracts, through which the stages meet.
  [
    'src/filter/path-filter.ts',
    'src/ledger/ledger.ts',
    'src/store/errors.ts',
    'src/store/object-store.ts',
    'src/watch/changes.ts',
  ],
  // What several stages build on: reading the tree on disk, writing to the ledger.
  ['src/tree/', 'src/ledger/journal.ts', 'src/ledger/row.ts', 'src/ledger/unchanged.ts'],
  // The stages, and what stands beside them.
  [
    'src/config/',
    'src/dirt/',
    'src/filter/',
    'src/ledger/',
    'src/ops/',
    'src/plan/',
    'src/restore/',
    'src/store/',
    'src/transfer/',
    'src/watch/',
  ],
  ['src/agent/'],
  ['src/cli/'],
  ['src/main.ts'],
];

/** Imports that the layers forbid and we want, each with its reason. */
const EXCEPTIONS: readonly { readonly from: string; readonly to: string; readonly why: string }[] = [
  { from: 'src/store/object-store.ts', to: 'src/store/errors.ts', why: 'a contract names its own errors' },
];

/** What only one unit may import, because everybody else goes through that unit's contract. */
const OWNED: readonly { readonly target: RegExp; readonly units: readonly string[] }[] = [
  { target: /^@aws-sdk\/|^@smithy\/|^undici$|^aws4$/, units: ['src/store/'] },
  { target: /^node:sqlite$/, units: ['src/ledger/'] },
  { target: /^node:process$/, units: ['src/main.ts'] },
  { target: /^node:child_process$/, units: ['src/agent/', 'src/cli/'] },
];

/** The imports that go the wrong way. */
export function checkLayers(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'))
    .flatMap((source) => {
      const place = placeOf(source.path);
      if (place === undefined)
        return [{ path: source.path, message: 'is in no layer: add it to the table in layers.ts' }];
      return importsOf(source).flatMap(({ target, relative }) => {
        const wrong = relative ? wrongWay(source.path, target) : notOwned(place.unit, target);
        return wrong === undefined ? [] : [{ path: source.path, message: wrong }];
      });
    });
}

function wrongWay(from: string, to: string): string | undefined {
  const [here, there] = [placeOf(from), placeOf(to)];
  if (!to.startsWith('src/')) return to === 'package.json' ? undefined : `imports ${to}: it is outside src/`;
  if (here === undefined || there === undefined) return `imports ${to}: it is in no layer`;
  if (there.layer < here.layer || there.unit === here.unit) return undefined;
  if (EXCEPTIONS.some((exception) => exception.from === from && exception.to === to)) return undefined;
  const direction = there.layer > here.layer ? 'upwards' : 'sideways';
  return `imports ${to}: that is ${direction}, go through a contract or pass it in`;
}

function notOwned(unit: string, target: string): string | undefined {
  const owner = OWNED.find((owned) => owned.target.test(target));
  if (owner === undefined || owner.units.includes(unit)) return undefined;
  return `imports ${target}: only ${owner.units.join(', ')} may`;
}

/** The longest unit that holds the path: a contract is not in its folder's unit. */
function placeOf(path: string): { layer: number; unit: string } | undefined {
  return LAYERS.flatMap((units, layer) => units.map((unit) => ({ layer, unit })))
    .filter(({ unit }) => path === unit || (unit.endsWith('/') && path.startsWith(unit)))
    .sort((a, b) => b.unit.length - a.unit.length)[0];
}
