// Whom a move of a record concerns. A query is concerned when the record was part of its result before, or is part of it after. Pure.
//
// With a limit, the result is a window: it ends at its last record, and what moves behind that end moves nothing in it. A window
// that is not full has no end.

import type { Move } from './commits.ts';
import { belongs } from './query.ts';
import { compareOrder, type OrderKey, orderKeyOf, textOfField } from './query-order.ts';
import type { Wanted } from './query-plan.ts';

export interface Interest {
  readonly wanted: Wanted;
  /** The place of the last record of a full window; undefined: the result has no end. */
  end: OrderKey | undefined;
}

export function concerns({ wanted, end }: Interest, { id, before, after }: Move): boolean {
  return [before, after].some((body) => {
    if (body === undefined || wanted.limit === 0 || !belongs(wanted, { id, body })) return false;
    return end === undefined || compareOrder(wanted.order, orderKeyOf(wanted.order, id, body), end) <= 0;
  });
}

/**
 * Finds those that a move may concern without asking all of them: who names ids, or values of a field, is found by these. The
 * others, with ranges or without conditions, are asked each time.
 */
export class Interests<One extends Interest> {
  /** Field → text → who wants it there. */
  readonly #byField = new Map<string, Map<string, Set<One>>>();
  readonly #others = new Set<One>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(one: One): void {
    this.#size += 1;
    const key = keyOf(one.wanted);
    if (!key) {
      this.#others.add(one);
      return;
    }
    const byText = this.#byField.get(key.field) ?? new Map<string, Set<One>>();
    this.#byField.set(key.field, byText);
    for (const text of key.texts) byText.set(text, (byText.get(text) ?? new Set()).add(one));
  }

  delete(one: One): void {
    this.#size -= 1;
    this.#others.delete(one);
    const key = keyOf(one.wanted);
    const byText = key && this.#byField.get(key.field);
    if (!key || !byText) return;
    for (const text of key.texts) {
      const found = byText.get(text);
      found?.delete(one);
      if (found?.size === 0) byText.delete(text);
    }
    if (byText.size === 0) this.#byField.delete(key.field);
  }

  /** A few, among them all whom it concerns; each may come twice. */
  *near({ id, before, after }: Move): Iterable<One> {
    yield* this.#others;
    for (const [field, byText] of this.#byField) {
      const texts = [before, after].flatMap((body) => (body ? [textOfField(field, id, body)] : []));
      for (const text of new Set(texts)) yield* byText.get(text) ?? [];
    }
  }

  *all(): Iterable<One> {
    yield* this.#others;
    for (const byText of this.#byField.values()) for (const found of byText.values()) yield* found;
  }
}

/** The field by which a query is found, and its values there: the one with the fewest. */
function keyOf({ conditions }: Wanted): { field: string; texts: readonly string[] } | undefined {
  let best: { field: string; texts: readonly string[] } | undefined;
  for (const [field, { points: texts }] of conditions) {
    if (texts && texts.length <= textsMax && (!best || texts.length < best.texts.length))
      best = { field, texts };
  }
  return best;
}

/** A list of values that is longer costs more to keep than it saves. */
const textsMax = 500;
