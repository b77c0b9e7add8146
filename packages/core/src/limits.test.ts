import { expect, test } from 'vitest';
import { assertLimits, defaultLimits, integerMax, type Limits } from './limits.ts';

test('the defaults do not contradict each other', () => {
  expect(assertLimits(defaultLimits)).toBe(defaultLimits);
  expect(integerMax).toBe(2 ** 53 - 1);
});

test.each([
  ['recordDepthMax', { recordDepthMax: defaultLimits.jsonDepthMax - 5 }],
  ['recordCharsMax', { recordCharsMax: defaultLimits.bodyBytesMax + 1, pageCharsMax: 2 ** 40 }],
  ['bodyBytesMax', { bodyInflatedBytesMax: defaultLimits.bodyBytesMax - 1 }],
  ['pageCharsMax', { pageCharsMax: defaultLimits.recordCharsMax - 1 }],
  ['quarantineCharsPerDeviceMax', { quarantineCharsPerDeviceMax: defaultLimits.recordCharsMax - 1 }],
  ['pageRecordsDefault', { pageRecordsMax: defaultLimits.pageRecordsDefault - 1 }],
  ['batchMutationsMax', { answerVerdictsMax: defaultLimits.batchMutationsMax - 1 }],
  ['refusalsPerDeviceMax', { refusalsPerDeviceMax: defaultLimits.batchMutationsMax - 1 }],
  ['devicesPerKeyMax', { devicesMax: defaultLimits.devicesPerKeyMax - 1 }],
  ['mutationChangesMax', { groupChangesMax: defaultLimits.mutationChangesMax - 1 }],
  ['groupPushesMax', { waitingPushesMax: defaultLimits.groupPushesMax - 1 }],
] satisfies [string, Partial<Limits>][])('a contradiction about %s is named', (name, limits) => {
  expect(() => assertLimits({ ...defaultLimits, ...limits })).toThrow(RangeError);
  expect(() => assertLimits({ ...defaultLimits, ...limits })).toThrow(name);
});

test('each is a whole number above 0', () => {
  for (const name of Object.keys(defaultLimits))
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => assertLimits({ ...defaultLimits, [name]: value })).toThrow(name);
});
