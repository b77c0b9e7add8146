// How often a fault strikes: as often as its rate says, and never when it is off or all is healed.

import { expect, test } from 'vitest';
import type { Excerpt } from './excerpt.ts';
import { createFaults, faultKinds, type Gate } from './faults.ts';
import { labelled } from './world.ts';

function faultsOf(seed: number, excerpt: Excerpt = {}) {
  return createFaults({ stream: labelled(seed), excerpt, faultiness: 1, told: () => undefined });
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
    struck += count(500, () => faults.on('d0').strikes('delay', 'pull'));
    chances += 500;
  }
  // 0.12, milder or harsher by 0.3 to 1.7.
  expect(struck / chances).toBeGreaterThan(0.1);
  expect(struck / chances).toBeLessThan(0.14);
});

const seed = Array.from({ length: 100 }, (_, n) => n).find((n) => faultsOf(n).isOn('delay')) ?? 0;

/** Which of 300 opportunities of `delay` on d0 are taken, while others are met besides. */
function delays(excerpt: Excerpt): number[] {
  const faults = faultsOf(seed, excerpt);
  const [aim, other] = [faults.on('d0'), faults.on('d1')];
  return Array.from({ length: 300 }, (_, at) => at).filter(() => {
    aim.strikes('portal', 'pull');
    if (excerpt.devices?.has('d1') !== false) other.strikes('delay', 'pull');
    return aim.strikes('delay', 'pull');
  });
}

test('what is left out moves nothing else: a fault, a device, a single strike', () => {
  const all = delays({});
  expect(all.length).toBeGreaterThan(9);
  expect(delays({ faults: new Set(['delay']) })).toEqual(all);
  expect(delays({ devices: new Set(['d0']) })).toEqual(all);
  expect(delays({ faults: new Set(['delay:d0']) })).toEqual(all);
  expect(delays({ faults: new Set(['delay:d0:2', 'delay:d0:5', 'delay:d1:0']) })).toEqual([all[2], all[5]]);
  expect(delays({ faults: new Set(['delay:d1', 'portal']) })).toEqual([]);
  expect(delays({ faults: new Set() })).toEqual([]);
});

test('each of the kinds behind a gate strikes as it would alone, at this call or at the next', () => {
  const both = faultsOf(seed).on('d0').gate('here', ['delay', 'portal']);
  const alone = faultsOf(seed, { faults: new Set(['delay']) })
    .on('d0')
    .gate('here', ['delay', 'portal']);
  const calls = (gate: Gate) =>
    Array.from({ length: 2_000 }, () => gate(() => 'pull')).flatMap((kind, call) =>
      kind === 'delay' ? [call] : [],
    );
  const [among, only] = [calls(both), calls(alone)];
  expect(only.length).toBeGreaterThan(50);
  expect(among.length).toBe(only.length);
  for (const [at, call] of only.slice(0, 20).entries())
    expect((among[at] ?? 0) - call).toBeLessThanOrEqual(3);
});

test('after the end none strikes', () => {
  const faults = faultsOf(seed);
  faults.heal();
  for (const kind of faultKinds) expect(count(2_000, () => faults.on('s0').strikes(kind, 'pull'))).toBe(0);
});

test('what struck is told by its name', () => {
  const faults = faultsOf(seed, { faults: new Set(['delay:d0:1']) });
  for (let n = 0; n < 300; n += 1) faults.on('d0').strikes('delay', 'pull');
  expect(faults.strikes).toEqual(['delay:d0:1']);
  expect(faults.struck).toEqual(new Map([['delay pull', 1]]));
});
