// What is typed to see a part of a seed again, there and back.

import { expect, test } from 'vitest';
import { checkExcerpt, ExcerptError, type ExcerptFlags, flagsOf, readExcerpt } from './excerpt-flags.ts';

test('a shortened run is told in words that give it again', () => {
  const flags: ExcerptFlags = {
    until: 7_163,
    devices: 'd0,d2',
    servers: 1,
    acts: 'd0:3,d0:5-9,d2:0',
    faults:
      'clock_wrong,crash_device:d0.reading@0@17.204+3,crash_server:s0@4711.2,lose_reply:d0,lose_reply:d2@9@10.05',
  };
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  expect(flagsOf(readExcerpt(flags))).toEqual(words);
  expect(flagsOf(readExcerpt({}))).toEqual([]);
});

test('nothing is said as none, spaces do not count, and ranges are joined', () => {
  expect(readExcerpt({ faults: 'none', acts: 'none' })).toEqual({ faults: new Set(), acts: new Set() });
  expect(flagsOf({ faults: new Set(), acts: new Set() })).toEqual(['--acts', 'none', '--faults', 'none']);
  expect(flagsOf(readExcerpt({ acts: 'd1:2, d0:11, d0:10 ,d1:0-1' }))).toEqual(['--acts', 'd0:10-11,d1:0-2']);
});

test.each<[ExcerptFlags, string]>([
  [{ devices: 'd0,till' }, 'no device “till”'],
  [{ devices: '' }, 'no device “”'],
  [{ acts: '3' }, '“3” is no act'],
  [{ acts: 'd0:9-3' }, '“d0:9-3” is no range'],
  [{ acts: 'd0:0-9999999' }, 'is no range'],
  [{ faults: 'rain' }, 'no fault “rain”. There are: lose_request, '],
  [{ faults: 'delay:x1' }, 'strikes a device (d0), a server (s0) or all servers'],
  [{ faults: 'delay:d0:' }, '“delay:d0:” is no fault'],
  [{ faults: 'delay:d0@1.2345' }, '“delay:d0@1.2345” is no fault'],
])('%o is refused', (flags, message) => {
  expect(() => readExcerpt(flags)).toThrow(ExcerptError);
  expect(() => readExcerpt(flags)).toThrow(message);
});

test('what a seed does not have is refused', () => {
  const seed = { devices: ['d0', 'd1'], servers: 2 };
  const check = (flags: ExcerptFlags) => checkExcerpt(readExcerpt(flags), seed);
  expect(() => check({ devices: 'd1', servers: 2, acts: 'none' })).not.toThrow();
  expect(() => check({ devices: 'd0,d2' })).toThrow('no device d2: it has d0, d1');
  expect(() => check({ devices: 'none' })).toThrow('One device at least');
  expect(() => check({ servers: 3 })).toThrow('no 3 servers: it has 2');
});
