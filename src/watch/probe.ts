// Do events arrive at all? Asked without writing anything.
import { closeSync, constants, openSync } from 'node:fs';
import { IN_ONLYDIR, IN_OPEN, type OpenInotify, openInotify } from './inotify.ts';

/**
 * Whether inotify tells that the directory is opened, which changes nothing in it.
 *
 * @param open default: the kernel
 * @throws InotifyError if it cannot be watched; OperatorError if the system grants no inotify instance
 */
export async function tellsOfOpening(directory: string, open: OpenInotify = openInotify): Promise<boolean> {
  let isTold = false;
  const inotify = open((events) => {
    isTold ||= events.some(({ mask }) => (mask & IN_OPEN) !== 0);
  });
  try {
    inotify.addWatch(Buffer.from(directory), IN_OPEN | IN_ONLYDIR);
    closeSync(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
    await inotify.barrier();
    return isTold;
  } finally {
    inotify.close();
  }
}
