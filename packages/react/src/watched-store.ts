// One subscription of a replica as React reads it: a value that stays the same object until another one is told.
//
// Nothing is asked of the replica before a component subscribes, and nothing is watched once the last has gone: a component that React
// renders and throws away leaves nothing behind.

export interface WatchedStore<Value> {
  subscribe(onChange: () => void): () => void;
  read(): Watched<Value>;
}

/** Neither: it was not read yet. */
export interface Watched<Value> {
  value?: Value;
  /** Why it could not be read; the next value takes its place. */
  failure?: { error: unknown };
}

/** A subscription of a replica with its arguments given. */
export type Watch<Value> = (
  listener: (value: Value) => void,
  options: { onError(error: unknown): void },
) => () => void;

export function createWatchedStore<Value>(watch: Watch<Value>): WatchedStore<Value> {
  let watched: Watched<Value> = {};
  let stop: (() => void) | undefined;
  const listeners = new Set<() => void>();
  const tell = (next: Watched<Value>): void => {
    watched = next;
    for (const listener of [...listeners]) listener();
  };
  return {
    subscribe(onChange) {
      listeners.add(onChange);
      stop ??= watch((value) => tell({ value }), { onError: (error) => tell({ failure: { error } }) });
      return () => {
        listeners.delete(onChange);
        if (listeners.size > 0) return;
        stop?.();
        stop = undefined;
      };
    },
    read: () => watched,
  };
}
