import { expect, test } from 'vitest';
import { readTimeMs, timeText } from './time.ts';

const noon = Date.UTC(2026, 10, 21, 12);

test.each([
  ['2026-11-21T12:00:00.000Z', noon],
  ['2026-11-21T12:00:00Z', noon],
  ['2026-11-21T12:00:00', noon],
  ['2026-11-21T12:00', noon],
  ['2026-11-21 12:00:00', noon],
  ['2026-11-21t12:00:00z', noon],
  ['2026-11-21', noon - 12 * 3_600_000],
  ['2026-11-21T12:00:00.123456', noon + 123],
  ['2026-11-21T12:00:00.1Z', noon + 100],
  ['2026-11-21T12:00:00,25Z', noon + 250],
  ['2026-11-21T14:30:00+02:30', noon],
  ['2026-11-21T14:30:00+0230', noon],
  ['2026-11-21T10:00:00-02', noon],
  ['2099-12-31T23:59:59.999Z', Date.UTC(2100, 0, 1) - 1],
  ['0001-01-01T00:00:00Z', -62135596800000],
])('%s is a time', (text, ms) => {
  expect(readTimeMs(text)).toBe(ms);
});

test.each([
  '',
  'now',
  '1764000000000',
  '2026-02-30T00:00:00Z',
  '2026-13-01',
  '2026-11-21T24:00:00Z',
  '2026-11-21T23:59:60Z',
  '2026-11-21T12:00:00+99:99',
  '2026-11-21T12:00:00Z; DROP TABLE records',
  '+275760-09-13T00:00:00Z',
  `2026-11-21T12:00:00.${'0'.repeat(100_000)}Z`,
])('%.40s is none', (text) => {
  expect(readTimeMs(text)).toBeUndefined();
});

test('what is written is read back', () => {
  expect(readTimeMs(timeText(noon + 7))).toBe(noon + 7);
});
