// A call that reads something of a scope, or of the whole replica, and can be watched.

import { canonicalJson, type Json } from '@holdfast/core';
import { type Subscribable, subscribable } from './live.ts';
import type { Storage, StorageTransaction } from './storage/port.ts';
import type { Subscriptions } from './subscriptions.ts';

/** `call.subscribe(…given, listener)` tells the present value and then each other one. */
export type WatchedCall<Given extends unknown[], Value> = ((...given: Given) => Promise<Value>) &
  Subscribable<Given, Value>;

export interface WatchedCallDeps {
  /** As calls of the application reach it. */
  storage: Storage;
  subscriptions: Subscriptions;
}

export interface WatchedSource<Given extends unknown[], Value> {
  /** Undefined: all scopes. */
  scope: string | undefined;
  /** How many arguments the call takes. */
  count: Given['length'];
  read(tx: StorageTransaction, ...given: Given): Promise<Value>;
  /** What of the value does not change because time passes; absent: all of it. */
  steady?(value: Value): unknown;
}

export function watchedCall<Given extends unknown[], Value>(
  { storage, subscriptions }: WatchedCallDeps,
  { scope, count, read, steady = (value) => value }: WatchedSource<Given, Value>,
): WatchedCall<Given, Value> {
  const watched = (given: Given) => async (tx: StorageTransaction) => {
    const value = await read(tx, ...given);
    return { value, text: canonicalJson(steady(value) as Json) };
  };
  return Object.assign(
    (...given: Given) => storage.transaction('read', (tx) => read(tx, ...given)),
    subscribable<Given, Value>(count, (given, reader) =>
      subscriptions.watchStatus(scope, watched(given), reader),
    ),
  );
}
