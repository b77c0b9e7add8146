// How often a fault strikes: as often as its rate says, and never when it is off or all is healed.

import { expect, test } from 'vitest';
import type { Excerpt } from './excerpt.ts';
import { createFaults, faultKinds, type Gate } from './faults.ts';
import { labelled } from './world.ts';

function faultsOf(seed: number, excerpt: Excerpt = {}, nowMs: () => number = () => 0) {
  return createFaults({ stream: labelled(seed), excerpt, nowMs, faultiness: 1, told: () => undefined });
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

/** Which of 300 opportunities of `delay` on d0 are taken, one each two milliseconds, while others are met besides. */
function delays(excerpt: Excerpt): { taken: number[]; names: readonly string[] } {
  let nowMs = 0;
  const faults = faultsOf(seed, excerpt, () => nowMs);
  const [aim, other] = [faults.on('d0'), faults.on('d1')];
  const taken = Array.from({ length: 300 }, (_, at) => at).filter((at) => {
    nowMs = at * 2;
    aim.strikes('portal', 'pull');
    if (excerpt.devices?.has('d1') !== false) other.strikes('delay', 'pull');
    return aim.strikes('delay', 'pull');
  });
  return { taken, names: faults.strikes.filter((name) => name.startsWith('delay:d0')) };
}

test('what is left out moves nothing else: a fault, a device, a single strike', () => {
  const { taken, names } = delays({});
  expect(taken.length).toBeGreaterThan(9);
  expect(names).toEqual(taken.map((at) => `delay:d0@${at * 2}`));
  const takenOf = (...faults: string[]) => delays({ faults: new Set(faults) }).taken;
  expect(takenOf('delay')).toEqual(taken);
  expect(delays({ devices: new Set(['d0']) }).taken).toEqual(taken);
  expect(takenOf('delay:d0')).toEqual(taken);
  expect(takenOf(names[2] ?? '', names[5] ?? '', 'delay:d1@4')).toEqual([taken[2], taken[5]]);
  expect(takenOf('delay:d1', 'portal')).toEqual([]);
  expect(takenOf()).toEqual([]);
});

test('a strike of a time comes at the first opportunity from then on, and several of one moment in their turn', () => {
  const strikes = (...names: string[]) => {
    let nowMs = 0;
    const faults = faultsOf(seed, { faults: new Set(names) }, () => nowMs);
    const gate = faults.on('d0').gate('here', ['delay', 'portal']);
    return [0, 1, 1.0005, 1.5, 1.5, 1.5, 5, 5].map((atMs) => {
      nowMs = atMs;
      return gate(() => 'pull') ?? '';
    });
  };
  const [d, p] = ['delay:d0.here', 'portal:d0.here'];
  expect(strikes(`${d}@1`)).toEqual(['', 'delay', '', '', '', '', '', '']);
  expect(strikes(`${d}@1+1`, `${p}@1.5+2`)).toEqual(['', '', 'delay', '', '', 'portal', '', '']);
  expect(strikes(`${d}@2`, `${p}@2`)).toEqual(['', '', '', '', '', '', 'delay', 'portal']);
  expect(strikes(`${d}@1.5+7`, `${d}@0`)).toEqual(['delay', '', '', '', '', '', 'delay', '']);
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
  const faults = faultsOf(seed, { faults: new Set(['delay:d0@0+1']) });
  for (let n = 0; n < 300; n += 1) faults.on('d0').strikes('delay', 'pull');
  expect(faults.strikes).toEqual(['delay:d0@0+1']);
  expect(faults.struck).toEqual(new Map([['delay pull', 1]]));
});
