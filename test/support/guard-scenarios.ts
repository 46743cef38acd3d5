// What may become of LOCAL: each scenario of the delete-guard table that can be played with files and mounts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  attachLoop,
  type ImageType,
  type Mounted,
  type MountOptions,
  makeImage,
  mountDeadFuse,
  mountOn,
} from './mounts.ts';

/** Thrown when this machine or user has not what a scenario needs. */
export class NotHere extends Error {}

/** Where a scenario plays. LOCAL is `root`; the files are written after `prepare`. */
export class Site {
  readonly base: string;
  /** LOCAL as the user names it. */
  readonly root: string;
  readonly #mounts: Mounted[] = [];

  constructor(base: string) {
    this.base = base;
    // A parent of its own, that can be renamed.
    this.root = join(base, 'parent/local');
    mkdirSync(dirname(this.root));
  }

  /** A directory beside LOCAL. */
  beside(name: string): string {
    const path = join(this.base, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  at(path: string): string {
    return join(this.root, path);
  }

  write(path: string, content = path): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
  }

  mount(dir: string, options: MountOptions = {}): Mounted {
    return this.#keep(mountOn(dir, options), 'this user cannot mount');
  }

  mountDeadFuse(dir: string): Mounted {
    return this.#keep(mountDeadFuse(dir), 'there is no FUSE');
  }

  /** Puts a file system in a file on `dir`. */
  mountImage(dir: string, file: string): Mounted {
    return this.#keep(mountOn(dir, { image: file }), 'this user cannot mount loop devices');
  }

  image(name: string, type: ImageType): string {
    const file = join(this.base, name);
    if (!makeImage(file, type)) throw new NotHere(`${type} cannot be made`);
    return file;
  }

  /** Takes off what is left. */
  end(): void {
    for (const mounted of this.#mounts.reverse()) mounted.unmount({ lazily: true });
  }

  #keep(mounted: Mounted | undefined, missing: string): Mounted {
    if (mounted === undefined) throw new NotHere(missing);
    this.#mounts.push(mounted);
    return mounted;
  }
}

/** How a command ends, and which objects it deletes. */
export interface Ending {
  readonly exit: 0 | 1 | 3 | 4;
  readonly deletes?: readonly string[];
}

const FINE: Ending = { exit: 0 };
const FATAL: Ending = { exit: 1 };
const PARTIAL: Ending = { exit: 3 };
const REFUSED: Ending = { exit: 4 };

export interface Scenario {
  /** The first cell of its row. */
  readonly row: string;
  /** Which of several ways this is. */
  readonly way?: string;
  /** Makes LOCAL. By default a directory. */
  prepare?(site: Site): void;
  /** It happens; an answer that is a function puts things right again. */
  readonly happen: (site: Site) => unknown;
  readonly crossMounts?: boolean;
  /** `watch`, when it happens while it runs; absent: it cannot. */
  readonly running?: Ending;
  /** When it happens while nothing runs: `sync --delete`, then `watch`, then `run`. */
  readonly down?: { readonly sync: Ending; readonly watch: Ending; readonly run: Ending };
}

/** What LOCAL holds before anything happens. */
export const FILES = ['a', 'd/b', 'd/e/c'];

const DOWN_REFUSED = { sync: REFUSED, watch: REFUSED, run: FINE };
const DOWN_FINE = { sync: FINE, watch: FINE, run: FINE };
const DOWN_HIDDEN = { sync: PARTIAL, watch: PARTIAL, run: PARTIAL };
const DOWN_GONE = { sync: FATAL, watch: FATAL, run: FINE };

/** LOCAL is a volume that is mounted there: a directory elsewhere, bound. */
function bindVolume(site: Site): void {
  mkdirSync(site.root);
  volumes.set(site, site.mount(site.root, { bind: site.beside('volume') }));
}

const volumes = new WeakMap<Site, Mounted>();

function replace(site: Site): () => void {
  renameSync(site.root, `${site.root}.old`);
  mkdirSync(site.root);
  return () => {
    rmSync(site.root, { recursive: true });
    renameSync(`${site.root}.old`, site.root);
  };
}

function onTmpfs(site: Site): void {
  mkdirSync(site.root);
  volumes.set(site, site.mount(site.root));
}

/** Overlay upon directories of one tmpfs. */
function onOverlay(site: Site): void {
  const layers = site.beside('layers');
  site.mount(layers);
  for (const name of ['lower', 'upper', 'work']) mkdirSync(join(layers, name));
  writeFileSync(join(layers, 'lower/a'), 'a');
  mkdirSync(site.root);
  volumes.set(site, mountOverlay(site));
}

function mountOverlay(site: Site): Mounted {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(site.base, 'layers', name));
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  return site.mount(site.root, { what: ['-t', 'overlay', '-o', options, 'overlay'] });
}

function unmountVolume(site: Site, options?: { lazily: boolean }): void {
  volumes.get(site)!.unmount(options);
}

/** The same volume under another device number, while nobody looks. */
function reattach(site: Site): void {
  const file = join(site.base, 'images/volume');
  // While the old one is still there its number is taken: this is another one.
  const loop = attachLoop(file);
  if (loop === undefined) throw new NotHere('there is no loop device left');
  try {
    unmountVolume(site);
    site.mount(site.root, { image: loop.device });
  } finally {
    loop.release();
  }
}

const onImage = (type: ImageType) => ({
  prepare(site: Site): void {
    mkdirSync(site.root);
    site.mount(site.beside('images')); // in memory: a disk takes its time
    const file = site.image('images/volume', type);
    site.image('images/other', type);
    volumes.set(site, site.mountImage(site.root, file));
  },
});

function mountOther(site: Site): () => void {
  unmountVolume(site);
  const other = site.mountImage(site.root, join(site.base, 'images/other'));
  site.write('alien');
  return () => {
    other.unmount();
    site.mountImage(site.root, join(site.base, 'images/volume'));
  };
}

const ROOTS: readonly Scenario[] = [
  {
    row: 'LOCAL is removed (`rm -rf LOCAL`)',
    happen: (site) => rmSync(site.root, { recursive: true }),
    running: REFUSED,
    down: DOWN_GONE,
  },
  ...[false, true].map(
    (lazily): Scenario => ({
      row: 'the volume LOCAL is unmounted',
      way: lazily ? 'umount -l' : 'umount',
      prepare: bindVolume,
      happen(site) {
        unmountVolume(site, { lazily });
        return () => void site.mount(site.root, { bind: join(site.base, 'volume') });
      },
      running: REFUSED,
      down: DOWN_REFUSED,
    }),
  ),
  { row: 'LOCAL is replaced (`mv data data.old; mkdir data`)', happen: replace, running: REFUSED, down: DOWN_REFUSED },
  {
    row: 'another directory is mounted upon LOCAL',
    happen(site) {
      writeFileSync(join(site.beside('other'), 'alien'), 'alien');
      const mounted = site.mount(site.root, { bind: join(site.base, 'other') });
      return () => mounted.unmount();
    },
    running: REFUSED,
    down: DOWN_REFUSED,
  },
  {
    row: 'LOCAL is emptied (`rm -rf LOCAL/*`) while `watch` or `run` sees it',
    happen: (site) => rmAll(site),
    running: { exit: 0, deletes: FILES },
  },
  { row: 'LOCAL is empty at the start', happen: (site) => rmAll(site), down: DOWN_REFUSED },
  {
    row: 'an empty tmpfs with the same device and inode numbers takes its place',
    prepare: onTmpfs,
    happen(site) {
      const { ino } = statSync(site.root);
      unmountVolume(site);
      site.mount(site.root);
      assert.equal(statSync(site.root).ino, ino, 'what makes this case hard');
      site.write('not empty');
    },
    running: REFUSED,
    down: DOWN_REFUSED,
  },
  {
    row: 'LOCAL is a symbolic link and points elsewhere now',
    prepare: (site) => symlinkSync(site.beside('target'), site.root),
    happen(site) {
      const point = (name: string): void => {
        unlinkSync(site.root);
        symlinkSync(site.beside(name), site.root);
      };
      point('elsewhere');
      site.write('alien');
      return () => point('target');
    },
    running: REFUSED,
    down: DOWN_REFUSED,
  },
  ...(['ext4', 'xfs', 'btrfs'] as const).map(
    (type): Scenario => ({
      row: 'the volume is attached again under another device number',
      way: type,
      ...onImage(type),
      happen: reattach,
      down: DOWN_FINE,
    }),
  ),
  ...(['ext4', 'ext4 without birth times', 'xfs', 'btrfs'] as const).map(
    (type): Scenario => ({
      row: 'another volume of the same type is mounted in its place',
      way: type,
      ...onImage(type),
      happen: mountOther,
      // Where times are whole seconds every file takes two of them.
      ...(type === 'ext4 without birth times' ? {} : { running: REFUSED }),
      down: DOWN_REFUSED,
    }),
  ),
  {
    row: 'LOCAL is a FUSE or network file system whose server is gone (ENOTCONN)',
    happen(site) {
      const dead = site.mountDeadFuse(site.root);
      return () => dead.unmount();
    },
    running: REFUSED,
    down: { sync: FATAL, watch: FATAL, run: FATAL },
  },
  {
    row: 'LOCAL is mounted read-only',
    prepare: bindVolume,
    happen(site) {
      execFileSync('mount', ['-o', 'remount,bind,ro', site.root]);
    },
    running: FINE,
    down: DOWN_FINE,
  },
  {
    row: 'a directory above LOCAL is renamed',
    happen(site) {
      const above = dirname(site.root);
      renameSync(above, `${above}.new`);
      return () => renameSync(`${above}.new`, above);
    },
    running: REFUSED,
    down: DOWN_GONE,
  },
  {
    row: 'the same directory is mounted upon LOCAL anew',
    prepare: bindVolume,
    happen(site) {
      site.mount(site.root, { bind: join(site.base, 'volume') });
    },
    running: REFUSED,
    down: DOWN_FINE,
  },
  {
    row: 'LOCAL is an overlay that is mounted anew',
    prepare: onOverlay,
    happen(site) {
      unmountVolume(site);
      mountOverlay(site);
    },
    running: REFUSED,
    down: DOWN_FINE,
  },
];

function rmAll(site: Site): void {
  for (const name of ['a', 'd']) rmSync(site.at(name), { recursive: true });
}

function cover(site: Site, options: MountOptions): () => void {
  const mounted = site.mount(site.at('d'), options);
  return () => mounted.unmount();
}

const SUBTREES: readonly Scenario[] = [
  {
    row: 'a directory of the same file system is mounted upon a subtree',
    happen: (site) => cover(site, { bind: site.beside('other') }),
    running: PARTIAL,
    down: DOWN_HIDDEN,
  },
  {
    row: 'another file system is mounted upon a subtree',
    happen: (site) => cover(site, {}),
    running: PARTIAL,
    down: DOWN_HIDDEN,
  },
  {
    row: 'a subtree is mounted upon itself',
    happen: (site) => cover(site, { bind: site.at('d') }),
    running: PARTIAL,
    down: DOWN_HIDDEN,
  },
  {
    row: 'a subtree is a dead file system (ENOTCONN)',
    happen(site) {
      const dead = site.mountDeadFuse(site.at('d'));
      return () => dead.unmount();
    },
    crossMounts: true,
    running: PARTIAL,
    down: DOWN_HIDDEN,
  },
  {
    row: 'with `--cross-mounts` a mounted subtree is unmounted',
    crossMounts: true,
    prepare(site) {
      mkdirSync(site.root);
      volumes.set(site, site.mount(site.beside('parent/local/d'), { bind: site.beside('volume') }));
    },
    happen(site) {
      unmountVolume(site);
      return () => void site.mount(site.at('d'), { bind: join(site.base, 'volume') });
    },
    running: PARTIAL,
  },
  {
    row: 'a directory becomes a file',
    happen(site) {
      rmSync(site.at('d'), { recursive: true });
      site.write('d');
    },
    running: { exit: 0, deletes: ['d/b', 'd/e/c'] },
    down: { sync: { exit: 0, deletes: ['d/b', 'd/e/c'] }, watch: FINE, run: FINE },
  },
  {
    row: 'a directory becomes a symbolic link to one with the same names',
    happen(site) {
      renameSync(site.at('d'), join(site.base, 'moved'));
      symlinkSync(join(site.base, 'moved'), site.at('d'));
    },
    running: { exit: 0, deletes: ['d/b', 'd/e/c'] },
    down: { sync: { exit: 0, deletes: ['d/b', 'd/e/c'] }, watch: FINE, run: FINE },
  },
];

export const SCENARIOS: readonly Scenario[] = [...ROOTS, ...SUBTREES];
