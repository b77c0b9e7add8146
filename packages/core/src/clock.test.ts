// When a mutation counts as made. Minutes below; the server's arrival is at 600.

import { describe, expect, test } from 'vitest';
import { type Arrival, madeAtMs } from './clock.ts';

const minute = 60_000;
const arrival = (sent: Partial<Arrival['sent']> = {}): Arrival => ({
  atMs: 600 * minute,
  sent: { wall: 0, mono: 0, session: 'now', ...sent },
  driftMsMax: 5 * minute,
});
const made = (clocks: {
  wall?: number;
  mono?: number;
  session?: string;
  offset?: number;
  seen?: number;
}) => ({
  ...{ wall: 0, mono: 0, session: 'before', offset: 0, seen: 0 },
  ...clocks,
});
const minutes = (given: ReturnType<typeof made>, on = arrival()): number => madeAtMs(given, on) / minute;

describe('within one session', () => {
  test('the age is measured by the monotonic clock, whatever the wall says', () => {
    const on = arrival({ mono: 90 * minute, session: 's' });
    for (const wall of [0, 599 * minute, Date.UTC(2099, 0), -1e15])
      expect(minutes(made({ wall, mono: 30 * minute, session: 's', offset: 7 }), on)).toBe(540);
  });

  test('it is never negative: a monotonic clock that went back is none', () => {
    const on = arrival({ mono: 10 * minute, session: 's' });
    expect(minutes(made({ wall: 500 * minute, mono: 30 * minute, session: 's' }), on)).toBe(500);
  });
});

describe('in a later session', () => {
  test('the wall clock counts, corrected by the measured offset', () => {
    expect(minutes(made({ wall: 500 * minute }))).toBe(500);
    expect(minutes(made({ wall: 500 * minute, offset: -20 * minute }))).toBe(480);
    expect(minutes(made({ wall: 500 * minute, mono: 30 * minute }), arrival({ mono: 90 * minute }))).toBe(
      500,
    );
  });

  test('later than the arrival and its drift becomes the arrival', () => {
    expect(minutes(made({ wall: 605 * minute }))).toBe(605);
    expect(minutes(made({ wall: 605 * minute + 1 }))).toBe(600);
    expect(minutes(made({ wall: Date.UTC(2099, 0) }))).toBe(600);
  });

  test('not before what the replica had seen of the server, nor that before the arrival', () => {
    expect(minutes(made({ wall: 0, seen: 400 * minute }))).toBe(400);
    expect(minutes(made({ wall: 500 * minute, seen: 400 * minute }))).toBe(500);
    expect(minutes(made({ wall: 0, seen: 9_999 * minute }))).toBe(600);
    expect(minutes(made({ wall: -1e15 }))).toBe(0);
  });
});

test('within one session, too, it is not before what the replica had seen', () => {
  const on = arrival({ mono: 1_000 * minute, session: 's' });
  expect(minutes(made({ mono: 0, session: 's', seen: 550 * minute }), on)).toBe(550);
});

test('it is a whole number that every store holds', () => {
  const extreme = Number.MAX_SAFE_INTEGER;
  for (const wall of [-extreme, extreme, 0.4]) {
    const at = madeAtMs(made({ wall, offset: wall }), arrival());
    expect(Number.isSafeInteger(at)).toBe(true);
  }
});
