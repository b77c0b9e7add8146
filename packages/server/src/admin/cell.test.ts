// Texts read by the types of a schema.

import { type Collection, defineSchema } from '@holdfast/core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { readCell } from './cell.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    things: {
      kind: 'request',
      fields: z.object({
        text: z.string(),
        maybeText: z.string().optional(),
        nullableText: z.string().nullable(),
        number: z.number(),
        maybeNumber: z.number().nullable().optional(),
        flag: z.boolean(),
        size: z.enum(['s', 'm']),
        level: z.literal([1, 2]),
        tags: z.array(z.string()),
        place: z.object({ x: z.number() }).optional(),
        either: z.union([z.number(), z.string()]),
        anything: z.unknown(),
      }),
    },
  },
});
const things = schema.collections.get('things') as Collection;

const value = (given: unknown) => ({ type: 'value', value: given });
const absent = { type: 'absent' };

test.each([
  ['text', ' a ', value(' a ')],
  ['text', '', value('')],
  ['text', '12', value('12')],
  ['maybeText', '', absent],
  ['nullableText', '', value(null)],
  ['number', ' 12.50 ', value(12.5)],
  ['number', '+3', value(3)],
  ['number', '-007', value(-7)],
  ['number', '1e3', value(1000)],
  ['maybeNumber', '', absent],
  ['flag', 'TRUE', value(true)],
  ['flag', 'no', value(false)],
  ['flag', '1', value(true)],
  ['size', 'm', value('m')],
  ['level', '2', value(2)],
  ['tags', '["a","b"]', value(['a', 'b'])],
  ['place', '{"x":1}', value({ x: 1 })],
  ['place', '', absent],
  ['either', '12', value(12)],
  ['either', '007', value('007')],
  ['either', 'x', value('x')],
  ['anything', '12', value('12')],
  ['unknownToTheSchema', '12', value('12')],
  ['constructor', '12', value('12')],
])('%s takes %j as %j', (field, text, expected) => {
  expect(readCell(things, field, text)).toEqual(expected);
});

test.each([
  ['number', '1,234.50', '"1,234.50" is no number that can be held exactly, such as 1234.5'],
  ['number', '9007199254740993', '"9007199254740993" is no number that can be held exactly, such as 1234.5'],
  ['number', '', 'the cell is empty, and the field is required'],
  ['flag', 'maybe', '"maybe" is neither true nor false'],
  ['size', 'xl', '"xl" is none of s, m'],
  ['tags', 'a,b', '"a,b" is no JSON array or object'],
  ['tags', '{"a":1,"a":2}', '"{\\"a\\":1,\\"a\\":2}" is no JSON array or object'],
])('%s refuses %j', (field, text, message) => {
  expect(readCell(things, field, text)).toEqual({ type: 'problem', message });
});
