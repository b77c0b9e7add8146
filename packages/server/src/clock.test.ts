// The real clock, randomness and timers, as far as somebody relies on more than Node gives.

import { expect, test } from 'vitest';
import { createMutationId, systemClock, systemRandom, systemTimer } from './clock.ts';

test('ids of mutations are lower-case UUIDs of version 7 in the order of their time', () => {
  let wall = 1_700_000_000_000;
  const clock = { wallMs: () => wall, monoMs: () => 0 };
  const ids = Array.from({ length: 20 }, () => {
    wall += 1;
    return createMutationId({ clock, random: systemRandom });
  });
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
});

test('a timer of more than 24 days does not run at once', async () => {
  let ran = false;
  const far = systemTimer.after(2 ** 33, () => {
    ran = true;
  });
  await new Promise<void>((resolve) => systemTimer.after(5, resolve));
  expect(ran).toBe(false);
  far.cancel();
});

test('a cancelled timer does not run, and a negative delay is none', async () => {
  let ran = false;
  systemTimer
    .after(1, () => {
      ran = true;
    })
    .cancel();
  const before = systemClock.monoMs();
  await new Promise<void>((resolve) => systemTimer.after(-5, resolve));
  await new Promise<void>((resolve) => systemTimer.after(10, resolve));
  expect(ran).toBe(false);
  expect(systemClock.monoMs()).toBeGreaterThan(before);
});
