// A schema is declared, checked and read: what it refuses, and the types that flow from it with no annotation.

import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import {
  type CollectionName,
  type CollectionOptions,
  defineSchema,
  type FieldsOf,
  priorityOf,
  type RecordOf,
  type Schema,
} from './schema.ts';

const storeRoom = defineSchema({
  version: 3,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string(),
        stock: z.number().optional(),
        tags: z.array(z.string()).optional(),
        kind: z.enum(['food', 'linen']),
        shelf: z.string().nullable(),
      }),
      policy: 'newest',
      fieldPolicies: { tags: 'union' },
      counters: { stock: { minimum: 0 } },
      unique: ['name', ['kind', 'shelf']],
      indexes: ['kind', 'name', ['kind', 'shelf']],
      parents: { shelf: 'shelves' },
      priority: (record) => (record.kind === 'food' ? 9 : 1),
      history: { days: 'forever' },
    },
    shelves: { kind: 'request', fields: z.object({ label: z.string() }) },
    sales: { kind: 'fact', fields: z.object({ amount: z.number() }), priority: 8 },
  },
});

describe('the types of records flow from the schema', () => {
  type S = typeof storeRoom;

  test('with no annotation', () => {
    expectTypeOf<CollectionName<S>>().toEqualTypeOf<'items' | 'shelves' | 'sales'>();
    expectTypeOf<RecordOf<S, 'sales'>>().branded.toEqualTypeOf<{ id: string; amount: number }>();
    expectTypeOf<FieldsOf<S, 'items'>>().toEqualTypeOf<{
      name: string;
      stock?: number | undefined;
      tags?: string[] | undefined;
      kind: 'food' | 'linen';
      shelf: string | null;
    }>();
    expectTypeOf<RecordOf<S, 'items'>['kind']>().toEqualTypeOf<'food' | 'linen'>();
    expectTypeOf(storeRoom).toExtend<Schema>();
  });

  test('into options: a field that does not exist is a type error', () => {
    const fields = z.object({ name: z.string() });
    type Options = CollectionOptions<typeof fields>;
    expectTypeOf<{ nam: 'union' }>().not.toExtend<NonNullable<Options['fieldPolicies']>>();
    expectTypeOf<['nam']>().not.toExtend<NonNullable<Options['unique']>>();
    expectTypeOf<['name']>().toExtend<NonNullable<Options['unique']>>();
    expectTypeOf<Parameters<Extract<Options['priority'], (record: never) => number>>[0]>().toEqualTypeOf<{
      name: string;
    }>();
  });
});

describe('a schema', () => {
  test('is read with its defaults filled in', () => {
    expect(storeRoom.collections.get('shelves')).toMatchObject({
      ...{
        name: 'shelves',
        kind: 'request',
        policy: 'merge',
        priority: 5,
        history: { days: 90 },
        unique: [],
        indexes: [],
      },
      ...{ fieldPolicies: new Map(), counters: new Map(), parents: new Map() },
    });
  });

  test('is read as it was declared', () => {
    expect(storeRoom.collections.get('items')).toMatchObject({
      ...{ policy: 'newest', history: { days: 'forever' }, unique: [['name'], ['kind', 'shelf']] },
      ...{ fieldPolicies: new Map([['tags', 'union']]), counters: new Map([['stock', { minimum: 0 }]]) },
      parents: new Map([['shelf', 'shelves']]),
    });
  });

  test('indexes unique fields and parents anyway, each group once', () => {
    expect(storeRoom.collections.get('items')?.indexes).toEqual([
      ['name'],
      ['kind', 'shelf'],
      ['shelf'],
      ['kind'],
    ]);
  });

  test('knows its former versions, and itself', () => {
    const next = defineSchema({ version: 4, collections: {}, former: [storeRoom] });
    expect([...next.versions.keys()]).toEqual([3, 4]);
    expect([next.versions.get(3), next.versions.get(4)]).toEqual([storeRoom, next]);
    expect(() => defineSchema({ version: 3, collections: {}, former: [storeRoom] })).toThrow(/lower version/);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])('with the version %d is refused', (version) => {
    expect(() => defineSchema({ version, collections: {} })).toThrow(/whole number from 1/);
  });
});

describe('a schema judges and never rewrites', () => {
  const rewriting: Record<string, z.ZodType> = {
    transform: z.string().transform((text) => text.length),
    default: z.string().default('x'),
    prefault: z.string().prefault('x'),
    catch: z.string().catch('x'),
    coerce: z.coerce.number(),
    preprocess: z.preprocess((value) => value, z.string()),
    pipe: z.string().pipe(z.string()),
    codec: z.codec(z.string(), z.number(), { decode: Number, encode: String }),
    stringbool: z.stringbool(),
    trim: z.string().trim(),
    toLowerCase: z.string().toLowerCase(),
    normalize: z.string().normalize(),
    overwrite: z.string().overwrite((text) => text),
    'strict object': z.strictObject({ a: z.string() }),
    'object().strict()': z.object({ a: z.string() }).strict(),
    date: z.date(),
    bigint: z.bigint(),
    undefined: z.undefined(),
    void: z.void(),
    nan: z.nan(),
    symbol: z.symbol(),
    map: z.map(z.string(), z.string()),
    set: z.set(z.string()),
    file: z.file(),
    promise: z.promise(z.string()),
  };
  const nested: Record<string, (type: z.ZodType) => z.ZodType> = {
    itself: (type) => type,
    optional: (type) => type.optional(),
    'nullable in a list': (type) => z.array(type.nullable()),
    'deep in an object': (type) => z.object({ a: z.object({ b: type }) }),
    'a union': (type) => z.union([z.boolean(), type]),
    'an intersection': (type) => z.intersection(z.unknown(), type),
    'a record': (type) => z.record(z.string(), type),
    'a tuple': (type) => z.tuple([z.string(), type]),
    'the rest of a tuple': (type) => z.tuple([z.string()], type),
    'a lazy type': (type) => z.lazy(() => type),
    'a catchall': (type) => z.object({}).catchall(type),
    'a readonly type': (type) => type.readonly(),
  };

  test.each(Object.entries(rewriting))(
    '%s is refused, wherever it stands, and the field is named',
    (_name, type) => {
      for (const [place, nest] of Object.entries(nested)) {
        const declare = () =>
          defineSchema({
            version: 1,
            collections: { items: { kind: 'fact', fields: z.object({ ok: z.string(), bad: nest(type) }) } },
          });
        expect(declare, place).toThrow(TypeError);
        expect(declare, place).toThrow(/Collection items, fields\.bad.*: /);
      }
    },
  );

  test('a strict collection is refused: fields unknown to the schema stay', () => {
    const fields = z.strictObject({ a: z.string() });
    expect(() => defineSchema({ version: 1, collections: { items: { kind: 'fact', fields } } })).toThrow(
      /unknown to the schema stay/,
    );
  });

  test('everything that only judges is allowed', () => {
    const tree = z.object({
      name: z.string(),
      get children() {
        return z.array(tree).optional();
      },
    });
    const fields = z
      .looseObject({
        text: z.string().min(1).max(9).regex(/x/).optional(),
        mail: z.email(),
        when: z.iso.datetime(),
        whole: z.int().positive(),
        money: z.number().multipleOf(0.01),
        flag: z.boolean().nullable(),
        one: z.literal('one'),
        some: z.enum(['a', 'b']),
        list: z.array(z.tuple([z.string(), z.number()])).nonempty(),
        dict: z.record(z.string(), z.unknown()),
        either: z.discriminatedUnion('type', [
          z.object({ type: z.literal('a') }),
          z.object({ type: z.literal('b') }),
        ]),
        both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })),
        any: z.json(),
        own: z.custom<string>((value) => value === 'x'),
        tree,
        pattern: z.templateLiteral(['a', z.number()]),
      })
      .refine(() => true);
    expect(() =>
      defineSchema({ version: 1, collections: { items: { kind: 'fact', fields } } }),
    ).not.toThrow();
  });

  test('a type that makes a new one each time it is opened is no endless loop', () => {
    const node = (): z.ZodType => z.object({ children: z.array(z.lazy(node)).optional() });
    const declare = (fields: z.ZodObject) => () =>
      defineSchema({ version: 1, collections: { items: { kind: 'fact', fields } } });
    expect(declare(z.object({ node: node() }))).not.toThrow();
  });
});

describe('a declaration that cannot hold is refused, and says where', () => {
  const fields = z.object({
    name: z.string(),
    stock: z.number().optional(),
    size: z.union([z.number(), z.string()]),
    shelf: z.string(),
  });
  const declare =
    (options: object, name = 'items') =>
    () =>
      defineSchema({
        version: 1,
        collections: {
          [name]: { kind: 'request', fields, ...options },
          shelves: { kind: 'request', fields },
        } as never,
      });

  test.each([
    ['an unknown kind', { kind: 'wish' }, /kind is/],
    ['fields that are no object', { fields: z.string() }, /fields is a z.object/],
    ['no fields', { fields: undefined }, /fields is a z.object/],
    ['a field called id', { fields: z.object({ id: z.string() }) }, /the id is no field/],
    ['an unknown policy', { policy: 'older' }, /unknown policy older/],
    ['an unknown field policy', { fieldPolicies: { name: 'merge' } }, /unknown policy merge for field name/],
    ['a policy for an unknown field', { fieldPolicies: { nam: 'union' } }, /no field nam/],
    [
      'a policy for what every object inherits',
      { fieldPolicies: { toString: 'union' } },
      /no field toString/,
    ],
    ['a counter that is no number', { counters: { name: {} } }, /counter name is no number/],
    ['a counter that may be a text', { counters: { size: {} } }, /counter size is no number/],
    ['a counter that does not exist', { counters: { sold: {} } }, /no field sold/],
    [
      'a counter with a policy',
      { counters: { stock: {} }, fieldPolicies: { stock: 'max' } },
      /counter stock needs no policy/,
    ],
    ['a unique counter', { counters: { stock: {} }, unique: ['stock'] }, /counter stock cannot be unique/],
    ['a unique field that does not exist', { unique: ['nam'] }, /no field nam/],
    ['a unique group with one', { unique: [['name', 'nam']] }, /no field nam/],
    ['an index over one', { indexes: [['nam']] }, /no field nam/],
    [
      'a unique field with a comma',
      { fields: z.object({ 'a,b': z.string() }), unique: ['a,b'] },
      /has a comma/,
    ],
    ['an unknown parent', { parents: { shelf: 'nowhere' } }, /unknown collection nowhere/],
    [
      'a parent that every object inherits',
      { parents: { shelf: 'toString' } },
      /unknown collection toString/,
    ],
    ['a parent by a field that does not exist', { parents: { shelve: 'shelves' } }, /no field shelve/],
    ['a priority out of range', { priority: 11 }, /priority is from 1 to 10/],
    ['a priority that is no number', { priority: Number.NaN }, /priority is from 1 to 10/],
    ['a negative history', { history: { days: -1 } }, /history.days/],
    ['a history without end that is no word of ours', { history: { days: 'ever' } }, /history.days/],
  ])('%s', (_what, options, message) => {
    expect(declare(options)).toThrow(TypeError);
    expect(declare(options)).toThrow(/^Collection items/);
    expect(declare(options)).toThrow(message);
  });

  test('a counter that was no number in a former version', () => {
    const items = (stock: z.ZodType) => ({ kind: 'request' as const, fields: z.object({ stock }) });
    const former = [1, 2].map((version) =>
      defineSchema({ version, collections: { items: items(version === 1 ? z.string() : z.number()) } }),
    );
    const next = { items: { ...items(z.number()), counters: { stock: {} } } };
    expect(() => defineSchema({ version: 3, collections: next, former })).toThrow(
      'Collection items: the counter stock is no number in version 1.',
    );
    expect(() => defineSchema({ version: 3, collections: next, former: former.slice(1) })).not.toThrow();
  });

  test.each(['', '1st', 'a-b', 'a b', 'a/b', 'hf_items', 'HF_items', 'x'.repeat(65), 'ä'])(
    'the collection name %j',
    (name) => {
      expect(declare({}, name)).toThrow(/a name is a letter/);
    },
  );

  test('optional options may be undefined', () => {
    const undefinedOptions = {
      fieldPolicies: { name: undefined },
      counters: { stock: undefined },
      parents: { shelf: undefined },
    };
    expect(declare(undefinedOptions)).not.toThrow();
  });
});

describe('the priority of a record', () => {
  const of = (priority: number | ((record: { n: number }) => number)) => {
    const schema = defineSchema({
      version: 1,
      collections: { items: { kind: 'request', fields: z.object({ n: z.number() }), priority } },
    });
    const items = schema.collections.get('items');
    return (n: unknown) => items && priorityOf(items, { n } as object);
  };

  test('is what is declared, or what the function says of it, within 1 and 10', () => {
    expect(of(7)(1)).toBe(7);
    const own = of(({ n }) => n);
    expect([3, 2.6, -4, 99].map(own)).toEqual([3, 3, 1, 10]);
  });

  test('is the default where the function fails: the record must still travel', () => {
    const own = of(({ n }) => n.toFixed().length);
    expect(own('no number')).toBe(5);
    expect(of(() => Number.NaN)(1)).toBe(5);
  });
});
