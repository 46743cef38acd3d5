// One listener on a signal for all requests under it: an EventTarget walks its list for each that is added or removed.
const CALLBACKS = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls back when the signal is raised; not if it has been. Returns what ends that. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = CALLBACKS.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    // Left behind, the listener would keep a signal that depends on others alive as long as those.
    signal.removeEventListener('abort', raised);
    CALLBACKS.delete(signal);
  };
}

function listen(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  CALLBACKS.set(signal, callbacks);
  signal.addEventListener('abort', raised);
  return callbacks;
}

function raised(event: Event): void {
  for (const callback of [...(CALLBACKS.get(event.target as AbortSignal) ?? [])]) callback();
}
