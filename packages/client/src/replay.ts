// A change that was not taken, made again on the record as it is now: by a person's word, under a new mutation id.

import {
  addDecimal,
  type Collection,
  counterIn,
  type Json,
  type JsonObject,
  type RecordChange,
  subtractDecimal,
} from '@holdfast/core';
import type { Wish } from './make-change.ts';

/** What the change wanted, as a call of the application. `visible`: the record as it is now; null: there is none. */
export function wishAgain(change: RecordChange, visible: JsonObject | null, collection: Collection): Wish {
  switch (change.type) {
    case 'delete':
      return { type: 'delete' };
    case 'add':
      return { type: 'add', amounts: change.amounts };
    case 'patch':
      return {
        type: 'patch',
        fields: withCounters(change.set ?? {}, change.replaced ?? {}, { visible, collection }),
        unset: change.unset ?? [],
      };
    case 'put':
      return change.replaced === undefined || visible === null
        ? { type: 'put', body: withCounters(change.body, change.replaced ?? {}, { visible, collection }) }
        : patchOfPut(change.body, change.replaced, { visible, collection });
  }
}

interface Now {
  visible: JsonObject | null;
  collection: Collection;
}

/** Only the fields that the put changed: the others have gone on since, and are not to be set back. */
function patchOfPut(body: JsonObject, replaced: JsonObject, now: Now): Wish {
  const fields = Object.keys(replaced);
  const set = Object.fromEntries(
    fields.filter((field) => Object.hasOwn(body, field)).map((field) => [field, body[field] ?? null]),
  );
  return {
    type: 'patch',
    fields: withCounters(set, replaced, now),
    unset: fields.filter((field) => !Object.hasOwn(body, field)),
  };
}

/** A counter was never set, it was moved by the difference: it is moved by as much from where it stands now. */
function withCounters(fields: JsonObject, replaced: JsonObject, { visible, collection }: Now): JsonObject {
  if (visible === null) return fields;
  const moved = new Map<string, Json>(Object.entries(fields));
  for (const field of Object.keys(fields)) {
    if (!collection.counters.has(field)) continue;
    const amount = subtractDecimal(counterIn(fields, field), counterIn(replaced, field));
    const sum = amount === undefined ? undefined : addDecimal(counterIn(visible, field), amount);
    if (sum !== undefined) moved.set(field, sum);
  }
  return Object.fromEntries(moved);
}
