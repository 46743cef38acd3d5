// Pure. The options about what is synchronised: see options.ts.
import { flag } from './kinds.ts';
import { LOCAL_COMMANDS, option, WORK_COMMANDS } from './option.ts';

/** Rows of the table. */
export const SCOPE_OPTIONS = {
  crossMounts: option({
    flag: 'cross-mounts',
    kind: flag,
    default: false,
    commands: LOCAL_COMMANDS,
    group: 'What is synchronised',
    help: 'Go into file systems mounted beneath LOCAL. Otherwise they count as unreadable: nothing in them is uploaded or deleted',
  }),
  dirTimes: option({
    flag: 'dir-times',
    kind: flag,
    default: false,
    commands: WORK_COMMANDS,
    group: 'What is synchronised',
    help: 'Keep the times of directories too, as every full scan finds them; each then has an object of its own',
  }),
  xattrs: option({
    flag: 'xattrs',
    kind: flag,
    default: false,
    commands: WORK_COMMANDS,
    group: 'What is synchronised',
    help: 'Keep extended attributes and POSIX ACLs of files and directories',
  }),
  hardLinks: option({
    flag: 'hard-links',
    kind: flag,
    default: false,
    commands: WORK_COMMANDS,
    group: 'What is synchronised',
    help: 'Keep hard links: files that have several names beneath LOCAL. Each name has an object of its own all the same',
  }),
  download: option({
    flag: 'download',
    kind: flag,
    default: false,
    commands: ['verify'],
    group: 'What is synchronised',
    help: 'Read the objects of all files instead of believing the checksums that the server tells of them',
  }),
  repair: option({
    flag: 'repair',
    kind: flag,
    default: false,
    commands: ['verify'],
    group: 'What is synchronised',
    help: 'Make S3 what is on disk wherever it differs, as sync would, and compare that once more',
  }),
  dryRun: option({
    flag: 'dry-run',
    kind: flag,
    default: false,
    commands: ['sync', 'restore'],
    group: 'What is synchronised',
    help: 'Say what would be done, change nothing. A restore needs a LOCAL that is there',
  }),
} as const;
