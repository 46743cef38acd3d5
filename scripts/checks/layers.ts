// Pure. Imports go one way: from lower layers and, within a layer, from the same folder; never upwards or sideways.
import { type Finding, importsOf, type Source } from './source.ts';

/** The layers, lowest first, each with its folders and files; a file listed by itself is not in its folder's layer. */
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
  ['src/native/'],
  // What several stages build on: the tree on disk, hashes, rows of the ledger, ETags and parts.
  [
    'src/hash/',
    'src/tree/',
    'src/ledger/journal.ts',
    'src/ledger/row.ts',
    'src/ledger/unchanged.ts',
    'src/store/etag-hasher.ts',
    'src/store/etag.ts',
    'src/store/multipart-plan.ts',
  ],
  // The decisions, which are pure: the agent and the restore take them.
  ['src/plan/'],
  // The stages, and what stands beside them.
  [
    'src/checkpoint/',
    'src/config/',
    'src/dirt/',
    'src/filter/',
    'src/lease/',
    'src/ledger/',
    'src/ops/',
    'src/restore/',
    'src/store/',
    'src/transfer/',
    'src/watch/',
  ],
  ['src/agent/'],
  // What examines with the agent's own parts whether an agent would work.
  ['src/doctor/'],
  ['src/fleet/'],
  ['src/cli/'],
  ['src/main.ts'],
];

/** What only one folder may import, because everybody else goes through its contract. */
const OWNED: readonly { readonly target: RegExp; readonly by: readonly string[] }[] = [
  { target: /^@aws-sdk\/|^@smithy\/|^undici(\/|$)/, by: ['src/store/'] },
  { target: /^node:sqlite$/, by: ['src/ledger/'] },
  { target: /^node:process$/, by: ['src/main.ts'] },
  { target: /^node:child_process$/, by: ['src/agent/', 'src/cli/'] },
];

/** The imports that go the wrong way. */
export function checkLayers(sources: readonly Source[]): Finding[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'))
    .flatMap((source) => {
      const wrong = importsOf(source).map(({ target, relative }) => {
        return relative ? wrongWay(source.path, target) : notOwned(source.path, target);
      });
      const homeless = layerOf(source.path) === undefined ? ['is in no layer: add it to the table in layers.ts'] : [];
      const messages = [...homeless, ...wrong.filter((message) => message !== undefined)];
      return messages.map((message) => ({ path: source.path, message }));
    });
}

function wrongWay(from: string, to: string): string | undefined {
  const [here, there] = [layerOf(from), layerOf(to)];
  if (!to.startsWith('src/')) return to === 'package.json' ? undefined : `imports ${to}: it is outside src/`;
  if (here === undefined || there === undefined) return `imports ${to}: there is no layer to compare`;
  if (there < here || (there === here && folderOf(from) === folderOf(to))) return undefined;
  return `imports ${to}: that is ${there > here ? 'upwards' : 'sideways'}, go through a contract or pass it in`;
}

function notOwned(from: string, target: string): string | undefined {
  const owner = OWNED.find((owned) => owned.target.test(target));
  if (owner === undefined || owner.by.some((place) => from.startsWith(place))) return undefined;
  return `imports ${target}: only ${owner.by.join(', ')} may`;
}

/** The layer of the longest entry that holds the path: a contract is not in its folder's layer. */
function layerOf(path: string): number | undefined {
  return LAYERS.flatMap((places, layer) => places.map((place) => ({ layer, place })))
    .filter(({ place }) => path.startsWith(place))
    .sort((a, b) => b.place.length - a.place.length)[0]?.layer;
}

function folderOf(path: string): string {
  return path.split('/', 2).join('/');
}
