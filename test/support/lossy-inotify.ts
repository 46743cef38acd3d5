// inotify with scripted misfortune: events lost to an overflow, a limit on watches.
import {
  type EventHandler,
  IN_IGNORED,
  IN_Q_OVERFLOW,
  type Inotify,
  InotifyError,
  type InotifyEvent,
  type OpenInotify,
  openInotify,
} from '../../src/watch/inotify.ts';

const ENOSPC = -28;

/** The kernel's inotify, whose queue overflows whenever `losesNow` says so: the rest of the batch is lost. */
export function overflowing(losesNow: () => boolean): OpenInotify {
  return (onEvents: EventHandler) =>
    openInotify((events) => {
      const at = events.findIndex(() => losesNow());
      const overflow: InotifyEvent = { wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' };
      onEvents(at < 0 ? events : [...events.slice(0, at), overflow]);
    });
}

/** The kernel's inotify that grants so many watches at a time. */
export function limited(watches: { max: number }): OpenInotify {
  return (onEvents) => {
    const held = new Set<number>();
    const real = openInotify((events) => {
      for (const { wd, mask } of events) if (mask & IN_IGNORED) held.delete(wd);
      onEvents(events);
    });
    return {
      addWatch(path, mask) {
        const wd = real.addWatch(path, mask);
        if (!held.has(wd) && held.size >= watches.max) {
          real.rmWatch(wd);
          throw new InotifyError('inotify_add_watch', ENOSPC);
        }
        held.add(wd);
        return wd;
      },
      rmWatch(wd) {
        held.delete(wd);
        real.rmWatch(wd);
      },
      barrier: () => real.barrier(),
      setRef: (keeps) => real.setRef(keeps),
      close: () => real.close(),
    } satisfies Inotify;
  };
}
