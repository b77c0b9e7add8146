// The smallest part that still fails is found, in few tries.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minimize } from './minimize.ts';

const items = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test('whatever few items are needed, they alone are left, in their order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(59), { maxLength: 6 }), async (needed) => {
      const left = await minimize(items(60), async (part) => needed.every((n) => part.includes(n)));
      expect(left).toEqual([...needed].sort((a, b) => a - b));
    }),
  );
});

test('either of two will do: one is left', async () => {
  expect(await minimize(items(9), async (part) => part.includes(2) || part.includes(7))).toHaveLength(1);
});

test('one of many is found in few tries, and nothing in one', async () => {
  let tries = 0;
  const counted = (holds: (part: readonly number[]) => boolean) => async (part: readonly number[]) => {
    tries += 1;
    return holds(part);
  };
  expect(
    await minimize(
      items(1_000),
      counted((part) => part.includes(617)),
    ),
  ).toEqual([617]);
  expect(tries).toBeLessThan(30);
  tries = 0;
  expect(
    await minimize(
      items(1_000),
      counted(() => true),
    ),
  ).toEqual([]);
  expect(tries).toBe(1);
});

test('when nobody tries any more, what is left still holds', async () => {
  let tries = 0;
  const left = await minimize(items(100), async (part) => {
    tries += 1;
    return tries <= 4 && part.includes(3);
  });
  expect(left).toContain(3);
  expect(left.length).toBeLessThan(100);
});

test('with a bound on the parts, it gives up after few tries what only finer parts would find', async () => {
  let tries = 0;
  const holds = async (part: readonly number[]) => {
    tries += 1;
    return items(16).every((n) => part.includes(n * 50));
  };
  expect(await minimize(items(800), holds, 8)).toHaveLength(800);
  expect(tries).toBeLessThan(40);
  expect((await minimize(items(800), holds, 64)).length).toBeLessThan(400);
  expect(await minimize(items(800), holds)).toHaveLength(16);
});
