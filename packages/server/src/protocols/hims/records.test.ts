// Records in both directions: what a device says of its own comes back to every device; what the server sets is the server's word.

import type { JsonObject } from '@holdfast/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodyIn, readRecord, wireRecord, wireTime } from './records.ts';

const table = { wire: 'stock_items', collection: 'stock_items', id: 'uuid', time: 'last_modified' };
const time = '2026-11-21T12:00:00.000Z';
const own = ['uuid', 'last_modified', 'is_synced', 'source_device', 'is_deleted'];
const forbidden = ['__proto__', 'constructor', 'prototype'];

test('every field comes back as it was, whatever its name', () => {
  const name = fc
    .oneof(fc.string(), fc.constantFrom('id', '_id', '__id', 'toString', 'hasOwnProperty', '0', '', 'Uuid'))
    .filter((field) => !own.includes(field) && !forbidden.includes(field));
  const fields = fc.dictionary(name, fc.jsonValue(), { noNullPrototype: true });
  fc.assert(
    fc.property(fields, (given) => {
      const record = { ...(given as JsonObject), uuid: 'a', last_modified: time, is_synced: 0 };
      const read = readRecord(table, record, { idCharsMax: 200 });
      if (!('write' in read) || read.write.change.type !== 'put') throw new Error('It was not read.');
      const { body } = read.write.change;
      expect(Object.keys(body)).not.toContain('id');
      const seen = { id: 'a', writer: 'hims/till-1', madeAt: 5, body };
      expect(wireRecord(table, seen)).toEqual({ ...record, is_synced: 1, source_device: 'till-1' });
    }),
  );
});

test.each([
  ['hims/till-1', 'till-1', time],
  ['hims/a/b', 'a/b', time],
  ['pos/till-1', 'till-1', '1970-01-01T00:00:00.005Z'],
  ['server', 'server', '1970-01-01T00:00:00.005Z'],
  ['0190-replica', '0190-replica', '1970-01-01T00:00:00.005Z'],
])('a version by %s is of the device %s, changed at %s', (writer, device, changed) => {
  const seen = { id: 'a', writer, madeAt: 5, body: { last_modified: time } };
  expect(wireRecord(table, seen)).toMatchObject({ source_device: device, last_modified: changed });
});

test('a version without a time of its own, and a tombstone, have the time at which they count as made', () => {
  for (const body of [{}, { last_modified: 5 }, null])
    expect(wireTime(table, { id: 'a', writer: 'hims/t', madeAt: 5, body })).toBe('1970-01-01T00:00:00.005Z');
});

test('what is the server’s to say is in no body', () => {
  const said = Object.fromEntries(own.map((field) => [field, 'x']));
  expect(bodyIn(table, said)).toEqual({ last_modified: 'x', is_deleted: 'x' });
});
