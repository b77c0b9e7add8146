// Keeps listeners informed of what they watch.
//
//   subscribe ──▶ due ── all that are due, read in one transaction ──▶ told, if the value is another ──▶ at rest
//                  ▲                                                        │                              │
//                  └──────────── woken: what it watches may have moved ─────┴──────────────────────────────┘
//
// A value is read after a commit and never made from a part of one, so a listener sees whole mutations, in their order. Those who are
// read together see one state. A listener that returns a promise is left alone until it settles; what happened meanwhile is
// then one value, the latest.

import type { Storage, StorageTransaction } from './storage/port.ts';

/** Called with the first value and then with each other one. While the promise that it returns is open, it is not called again. */
export type Listener<Value> = (value: Value) => unknown;

export interface SubscribeOptions {
  /**
   * Called with what the listener throws, and with the StorageError that kept a value from being read; the subscription goes on.
   * Absent: it becomes an unhandled rejection.
   */
  onError?(error: unknown): void;
}

/** A call that reads once, and its subscription: `stop = get.subscribe(id, listener)`, `for await (const one of get.subscribe(id))`. */
export interface Subscribable<Given extends unknown[], Value> {
  /** Answers what ends it. After that the listener is not called any more. */
  subscribe(...given: [...Given, listener: Listener<Value>, options?: SubscribeOptions]): () => void;
  /** Each value as the loop asks for it: the latest. It ends when the loop is left or the replica is closed. */
  subscribe(...given: Given): AsyncIterable<Value>;
}

export interface Watched<Value> {
  /** Two values of the same text are one to a listener. */
  read(tx: StorageTransaction): Promise<{ value: Value; text: string }>;
  /** It is not watched any more. */
  ended(): unknown;
}

export interface Subscription {
  /** What it watches may have moved. */
  wake(): void;
  stop(): void;
}

export interface Reader<Value> extends SubscribeOptions {
  listener: Listener<Value>;
  /** The replica was closed. */
  onClose?(): void;
}

export class Live {
  readonly #storage: Storage;
  readonly #open = new Set<Watch<unknown>>();
  readonly #due = new Set<Watch<unknown>>();
  #running = false;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  subscribe<Value>(watched: Watched<Value>, reader: Reader<Value>): Subscription {
    const watch = new Watch(watched, reader, () => {
      if (this.#due.has(one)) void this.#run();
    });
    const one = watch as Watch<unknown>;
    this.#open.add(one);
    const wake = (): void => {
      if (!this.#open.has(one)) return;
      this.#due.add(one);
      void this.#run();
    };
    wake();
    return { wake, stop: () => this.#end(one) };
  }

  /** No listener is called any more. */
  close(): void {
    for (const one of [...this.#open]) {
      this.#end(one);
      one.close();
    }
  }

  #end(one: Watch<unknown>): void {
    if (!this.#open.delete(one)) return;
    this.#due.delete(one);
    one.end();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    // Those who come in one go are read in one go.
    await Promise.resolve();
    let goesOn = true;
    while (goesOn) {
      const round = [...this.#due].filter(({ busy }) => !busy);
      goesOn = round.length > 0 && (await this.#round(round));
    }
    this.#running = false;
  }

  /** Answers whether it makes sense to go on: after a failure, the next who is woken tries again. */
  async #round(round: readonly Watch<unknown>[]): Promise<boolean> {
    for (const one of round) this.#due.delete(one);
    try {
      await this.#storage.transaction('read', async (tx) => {
        for (const one of round) await one.read(tx);
      });
    } catch (error) {
      for (const one of round.filter((other) => this.#open.has(other))) {
        this.#due.add(one);
        one.fail(error);
      }
      return false;
    }
    // A listener may stop others.
    for (const one of round) if (this.#open.has(one)) one.tell();
    return true;
  }
}

class Watch<Value> {
  readonly #watched: Watched<Value>;
  readonly #reader: Reader<Value>;
  readonly #rested: () => void;
  #read: { value: Value; text: string } | undefined;
  #told: string | undefined;
  /** The listener has not come to its end. */
  busy = false;

  constructor(watched: Watched<Value>, reader: Reader<Value>, rested: () => void) {
    this.#watched = watched;
    this.#reader = reader;
    this.#rested = rested;
  }

  async read(tx: StorageTransaction): Promise<void> {
    this.#read = await this.#watched.read(tx);
  }

  tell(): void {
    const read = this.#read;
    this.#read = undefined;
    if (!read || read.text === this.#told) return;
    this.#told = read.text;
    try {
      const result = this.#reader.listener(read.value);
      if (isPromise(result)) this.#waitFor(result);
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    const { onError } = this.#reader;
    if (!onError) {
      void Promise.reject(error);
      return;
    }
    try {
      onError(error);
    } catch (fault) {
      void Promise.reject(fault);
    }
  }

  end(): void {
    this.#watched.ended();
  }

  close(): void {
    this.#reader.onClose?.();
  }

  #waitFor(result: PromiseLike<unknown>): void {
    this.busy = true;
    const rest = (): void => {
      this.busy = false;
      this.#rested();
    };
    result.then(rest, (error: unknown) => {
      this.fail(error);
      rest();
    });
  }
}

/** Makes the two forms of `subscribe` of one that takes `count` arguments of its own. */
export function subscribable<Given extends unknown[], Value>(
  count: Given['length'],
  open: (given: Given, reader: Reader<Value>) => () => void,
): Subscribable<Given, Value> {
  const subscribe = (...all: unknown[]): (() => void) | AsyncIterable<Value> => {
    const given = all.slice(0, count) as Given;
    const [listener, options] = all.slice(count) as [Listener<Value>?, SubscribeOptions?];
    if (!listener) return valuesOf((reader) => open(given, reader));
    return open(given, { ...options, listener });
  };
  return { subscribe } as Subscribable<Given, Value>;
}

/** Reads on when it is asked for the next value, so a slow loop gets the latest, and nothing is kept for it. */
async function* valuesOf<Value>(
  subscribe: (reader: Reader<Value>) => () => void,
): AsyncGenerator<Value, void> {
  let next = openTurn<Value>();
  let goOn: (() => void) | undefined;
  let closed = false;
  const stop = subscribe({
    listener: (value) => {
      next.resolve({ value });
      return new Promise<void>((resolve) => {
        goOn = resolve;
      });
    },
    onError: (error) => next.reject(error),
    onClose: () => {
      closed = true;
      next.resolve(undefined);
    },
  });
  try {
    for (let turn = await next.promise; turn; turn = await next.promise) {
      yield turn.value;
      if (closed) return;
      next = openTurn<Value>();
      goOn?.();
    }
  } finally {
    stop();
  }
}

type Turn<Value> = PromiseWithResolvers<{ value: Value } | undefined>;

function openTurn<Value>(): Turn<Value> {
  const turn: Turn<Value> = Promise.withResolvers();
  // An error that comes while nobody waits is thrown at the next turn.
  turn.promise.catch(() => undefined);
  return turn;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
