// A world without an end is noticed.

import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

test('events at one moment are bounded, and so are all of them together', () => {
  const bounds = { eventsMax: 30, eventsAtOnceMax: 10 };
  const still = createPace(bounds);
  const stops = Array.from({ length: 12 }, () => still(5));
  expect(stops.findIndex(Boolean)).toBe(10);
  expect(stops[10]).toEqual({ invariant: 'ends', message: '10 events, and no time went by.' });
  const moving = createPace(bounds);
  const all = Array.from({ length: 32 }, (_, n) => moving(Math.floor(n / 8)));
  expect(all.findIndex(Boolean)).toBe(30);
  expect(all[30]).toEqual({ invariant: 'ends', message: '30 events, and it still went on.' });
});
