// Whom a move is offered to, before anybody's conditions are asked.

import { expect, test } from 'vitest';
import { concerns, type Interest, Interests } from './interest.ts';
import { type Query, readQuery } from './query.ts';

interface Item {
  name: string;
  price: number;
}

function interestOf(query: Query<Item>): Interest {
  return { wanted: readQuery(query), end: undefined };
}

function move(id: string, before: Item | undefined, after: Item | undefined) {
  return { id, before: before && { ...before }, after: after && { ...after } };
}

test('of a thousand that name an id or a value, a move is offered to those alone that name its own', () => {
  const interests = new Interests();
  for (let n = 0; n < 500; n += 1) {
    interests.add(interestOf({ where: { id: `i${n}` } }));
    interests.add(interestOf({ where: { name: { in: [`n${n}`, 'all'] }, price: { gt: 3 } } }));
  }
  const near = (...given: Parameters<typeof move>): number => new Set(interests.near(move(...given))).size;
  expect(near('i7', undefined, { name: 'x', price: 1 })).toBe(1);
  expect(near('other', { name: 'n3', price: 1 }, { name: 'n4', price: 1 })).toBe(2);
  expect(near('other', { name: 'all', price: 1 }, undefined)).toBe(500);
  expect(near('other', undefined, { name: 'x', price: 9 })).toBe(0);
  const range = interestOf({ where: { price: { gte: 5 } } });
  interests.add(range);
  expect([...interests.near(move('other', undefined, { name: 'x', price: 1 }))]).toEqual([range]);
});

test('who has left is offered nothing, and leaves nothing behind', () => {
  const interests = new Interests();
  const all = [{ where: { id: 'a' } }, { where: { name: 'x' } }, {}].map((query) => interestOf(query));
  for (const one of all) interests.add(one);
  expect(interests.size).toBe(3);
  for (const one of all) interests.delete(one);
  expect(interests.size).toBe(0);
  expect([...interests.all(), ...interests.near(move('a', undefined, { name: 'x', price: 1 }))]).toEqual([]);
});

test.each<[string, Query<Item>, boolean]>([
  ['enters', { where: { price: { gte: 2 } } }, true],
  ['leaves', { where: { price: { lt: 2 } } }, true],
  ['stays and is another', { where: { name: 'x' } }, true],
  ['is neither before nor after', { where: { price: 9 } }, false],
  ['a limit of nothing', { limit: 0 }, false],
  ['lies in front of where the query goes on', { after: { id: 'b' } }, false],
])('a record that changes: %s', (_, query, expected) => {
  expect(concerns(interestOf(query), move('a', { name: 'x', price: 1 }, { name: 'x', price: 2 }))).toBe(
    expected,
  );
});

test('behind the end of a full window nothing moves it; at its end and in front of it, all does', () => {
  const window: Interest = { ...interestOf({ limit: 2 }), end: ['m'] };
  const body = { name: 'x', price: 1 };
  expect(concerns(window, move('n', undefined, body))).toBe(false);
  expect(concerns(window, move('m', body, undefined))).toBe(true);
  expect(concerns(window, move('a', undefined, body))).toBe(true);
});
