// The order of a query's result: the fields of `orderBy`, then the id. Pure.
//
// The id breaks ties in the direction of the last field. Then an index gives both directions of an order: the one is the other
// read backwards.

import { compareText, type JsonObject } from '@holdfast/core';
import { encodeValue, fieldOf } from './index-key.ts';

export interface OrderPart {
  field: string;
  reverse: boolean;
}

/** Texts (index-key.ts) of the parts of an order. The last part is the id, and the id stands for itself. */
export type OrderKey = readonly string[];

/** Each field once, and the id as the last. Throws a TypeError on a direction that there is not. */
export function readOrder(orderBy: unknown): readonly OrderPart[] {
  const given = orderBy === undefined ? [] : Array.isArray(orderBy) ? orderBy : [{ field: orderBy }];
  const parts = new Map<string, OrderPart>();
  let reverse = false;
  for (const { field, direction = 'asc' } of given as readonly { field: unknown; direction?: unknown }[]) {
    if (typeof field !== 'string')
      throw new TypeError('orderBy: expected a field, or a list of { field, direction }.');
    if (direction !== 'asc' && direction !== 'desc')
      throw new TypeError(`orderBy: a direction is 'asc' or 'desc'.`);
    reverse = direction === 'desc';
    if (!parts.has(field)) parts.set(field, { field, reverse });
    // Behind the id nothing is left to be ordered.
    if (field === 'id') return [...parts.values()];
  }
  return [...parts.values(), { field: 'id', reverse }];
}

export function orderKeyOf(order: readonly OrderPart[], id: string, body: JsonObject): OrderKey {
  return order.map(({ field }) => textOfField(field, id, body));
}

export function textOfField(field: string, id: string, body: JsonObject): string {
  return field === 'id' ? id : encodeValue(fieldOf(body, field));
}

export function compareOrder(order: readonly OrderPart[], a: OrderKey, b: OrderKey): number {
  for (const [at, { reverse }] of order.entries()) {
    const difference = compareText(a[at] ?? '', b[at] ?? '');
    if (difference !== 0) return reverse ? -difference : difference;
  }
  return 0;
}

/** Keeps the first `limit` of what is added, in at most twice that much memory. */
export class FirstInOrder<Item extends { order: OrderKey }> {
  readonly #order: readonly OrderPart[];
  readonly #limit: number;
  #items: Item[] = [];

  constructor(order: readonly OrderPart[], limit: number) {
    this.#order = order;
    this.#limit = limit;
  }

  add(item: Item): void {
    this.#items.push(item);
    if (this.#items.length > 2 * this.#limit + itemsMin) this.#cut();
  }

  sorted(): Item[] {
    this.#cut();
    return this.#items;
  }

  #cut(): void {
    this.#items.sort((a, b) => compareOrder(this.#order, a.order, b.order));
    if (this.#items.length > this.#limit) this.#items.length = this.#limit;
  }
}

/** Below it, sorting again and again costs more than the memory is worth. */
const itemsMin = 500;
