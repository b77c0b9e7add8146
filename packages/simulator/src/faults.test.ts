// How often a fault strikes: as often as its rate says, and never when it is off or all is healed.

import { expect, test } from 'vitest';
import { createFaults, type FaultKind, faultKinds } from './faults.ts';
import { createStream } from './random.ts';

function faultsOf(seed: number, off: readonly FaultKind[] = []) {
  return createFaults({
    stream: (label) => createStream(seed, label),
    off: new Set(off),
    told: () => undefined,
  });
}

function count(times: number, strikes: () => boolean): number {
  let struck = 0;
  for (let n = 0; n < times; n += 1) struck += Number(strikes());
  return struck;
}

test('over many worlds, a fault that is on strikes about as often as its rate says', () => {
  let struck = 0;
  let chances = 0;
  for (let seed = 0; seed < 400; seed += 1) {
    const faults = faultsOf(seed);
    if (!faults.isOn('delay')) continue;
    struck += count(500, () => faults.strikes('delay', 'pull'));
    chances += 500;
  }
  // 0.12, milder or harsher by 0.3 to 1.7.
  expect(struck / chances).toBeGreaterThan(0.1);
  expect(struck / chances).toBeLessThan(0.14);
});

test('a fault that is off moves no other, and after the end none strikes', () => {
  const seed = Array.from({ length: 100 }, (_, n) => n).find((n) => faultsOf(n).isOn('delay')) ?? 0;
  const history = (off: readonly FaultKind[]) => {
    const faults = faultsOf(seed, off);
    return Array.from({ length: 300 }, () => {
      faults.strikes('portal', 'pull');
      return faults.strikes('delay', 'pull');
    });
  };
  expect(history(['portal'])).toEqual(history([]));
  const faults = faultsOf(seed, ['portal']);
  expect(count(5_000, () => faults.strikes('portal', 'pull'))).toBe(0);
  faults.heal();
  for (const kind of faultKinds) expect(count(2_000, () => faults.strikes(kind, 'pull'))).toBe(0);
});
