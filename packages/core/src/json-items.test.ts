// Laws, over any values and texts with one thing in them that may not be:
// 1. What parseJson takes, parseItems takes as the same value.
// 2. What spoils an item spoils no other: all others are what they were, and it has the problem and tells its id.
// 3. What stands around the items refuses them all, as parseJson does.
// 4. What is no JSON is refused, wherever it stands.

import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type Json, type JsonBounds, parseJson } from './json.ts';
import { parseItems, SpoiledItem } from './json-items.ts';

const bounds: Required<JsonBounds> = { depthMax: 8, keysMax: 20, valuesMax: 1_000 };
const paths = [['data', '*', '*']];

/** Each is a member of an item, and why the item may not be kept. */
const spoiling: [string, string, string][] = [
  ['"n":123456789012345678901234567890', 'json_number', 'n'],
  ['"n":1e400', 'json_number', 'n'],
  ['"n":0.12345678901234567890123', 'json_number', 'n'],
  ['"__proto__":{"a":1}', 'json_forbidden_key', '__proto__'],
  ['"\\u005f_proto__":1', 'json_forbidden_key', '__proto__'],
  ['"a":{"constructor":{"prototype":1}}', 'json_forbidden_key', 'a.constructor'],
  ['"n":"a\\u0000b"', 'json_string', 'n'],
  ['"n":["\\ud800"]', 'json_string', 'n[0]'],
  ['"n":1,"n":2', 'json_duplicate_key', 'n'],
  [`"n":${'['.repeat(20)}${']'.repeat(20)}`, 'json_too_deep', `n${'[0]'.repeat(7)}`],
  [`"o":{${Array.from({ length: 21 }, (_, n) => `"k${n}":1`)}}`, 'json_too_many_keys', 'o'],
];

describe('an item that may not be kept', () => {
  test.each(spoiling)('%s spoils itself alone', (member, code, field) => {
    const good = '{"id":"a","deep":[{"x":"}]\\""}]}';
    const text = `{"device":"d","data":{"t":[${good} , {"id":"b",${member}},${good}],"u":[]}, "more":[1]}`;
    const read = parseItems(text, bounds, paths);
    if (!read.ok) throw new Error(read.problem.message);
    const { data, ...around } = read.value as { data: { t: unknown[]; u: unknown[] } };
    const [first, bad, last] = data.t;
    expect(around).toEqual({ device: 'd', more: [1] });
    expect([first, last, data.u]).toEqual([JSON.parse(good), JSON.parse(good), []]);
    if (!(bad instanceof SpoiledItem)) throw new Error('It is not spoiled.');
    expect(bad.problem).toMatchObject({ code, field });
    expect(bad.reason).toBe(`${field}: ${bad.problem.message}`);
    expect(bad.told('id')).toBe('b');
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  it('tells nothing of its content but whole texts and numbers', () => {
    const item = '{"id":7,"name":"a\\u0000","o":{"x":"in"},"toString2":null,"__proto__":{"id":"p"}}';
    const read = parseItems(item, bounds, [[]]);
    const spoiled = read.ok ? read.value : undefined;
    if (!(spoiled instanceof SpoiledItem)) throw new Error('It is not spoiled.');
    expect(spoiled.told('id')).toBe(7);
    expect(spoiled.told('o', 'x')).toBe('in');
    for (const path of [['name'], ['o'], ['toString'], ['toString2'], ['o', 'x', 'length'], ['nothing'], []])
      expect(spoiled.told(...path)).toBeUndefined();
    expect(Object.keys(spoiled)).toEqual(['problem']);
    expect(JSON.stringify(spoiled)).not.toContain('in"');
  });
});

test.each([
  ['a number around', '{"n":1e400,"data":{"t":[{"id":1}]}}', 'json_number', 'n'],
  ['a key around', '{"__proto__":1,"data":{"t":[{"id":1e400}]}}', 'json_forbidden_key', '__proto__'],
  ['a table of such a name', '{"data":{"constructor":[{"id":1}]}}', 'json_forbidden_key', 'data.constructor'],
  ['a key twice', '{"data":{"t":[1e400]},"data":{"t":[]}}', 'json_duplicate_key', 'data'],
  ['a table twice', '{"data":{"t":[1e400],"t":[]}}', 'json_duplicate_key', 'data.t'],
  ['an item in another place', '{"rows":[1e400],"data":{"t":[]}}', 'json_number', 'rows[0]'],
  ['no JSON behind it', '{"data":{"t":[1e400]}} x', 'json_syntax', ''],
  ['no JSON in it', '{"data":{"t":[{"a":1e400,"b":01}]}}', 'json_number', 'data.t[0].a'],
  ['a comma too many', '{"data":{"t":[1e400,]}}', 'json_syntax', 'data.t[1]'],
  ['a comma missing', '{"data":{"t":[1e400 1]}}', 'json_syntax', 'data.t[0]'],
  ['an end that is missing', '{"data":{"t":[1e400]}', 'json_number', 'data.t[0]'],
  ['brackets that cross', '{"data":{"t":[{"a":[1e400}]]}}', 'json_number', 'data.t[0].a[0]'],
  [
    'far too deep an item',
    `{"data":{"t":[${'['.repeat(2_000)}${']'.repeat(2_000)}]}}`,
    'json_too_deep',
    'data.t[0][0][0][0][0][0]',
  ],
  ['too much of it', `{"data":{"t":[1e400,[${'1,'.repeat(1_000)}1]]}}`, 'json_number', 'data.t[0]'],
])('%s refuses the whole', (_, text, code, field) => {
  expect(parseItems(text, bounds, paths)).toMatchObject({ ok: false, problem: { code, field } });
});

const leaf = fc.constantFrom<Json>(null, true, 7, -1.5, '', 'a', '"', '}],', '\\', 'é\u2028');
const anyJson = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('', 'a', '"', '}],', 'é\u2028'), leaf, { maxKeys: 3 }),
);
const anyItem = fc.oneof(
  leaf,
  fc.dictionary(fc.constantFrom('a', 'b', '"', ']', 'data'), anyJson, { maxKeys: 3 }),
);
const tables = fc.dictionary(
  fc.constantFrom('t', 'u', '"', '}]', 'data'),
  fc.array(anyItem, { maxLength: 4 }),
  { minKeys: 1, maxKeys: 3 },
);

test('1: what is read strictly is the same value', () => {
  fc.assert(
    fc.property(tables, (data) => {
      expect(parseItems(JSON.stringify({ data }), bounds, paths)).toEqual({ ok: true, value: { data } });
    }),
  );
});

test('2: what spoils an item spoils no other', () => {
  fc.assert(
    fc.property(tables, fc.nat(), fc.boolean(), (data, which, pretty) => {
      const [name = '', rows = []] = Object.entries(data)[which % Object.keys(data).length] ?? [];
      const place = which % (rows.length + 1);
      const marked = { ...data, [name]: rows.toSpliced(place, 0, { id: 'it', spoils: 'HERE' }) };
      const text = JSON.stringify({ data: marked }, null, pretty ? 2 : undefined).replace('"HERE"', '1e400');
      const read = parseItems(text, bounds, paths);
      const got = read.ok ? (read.value as { data: Record<string, unknown[]> }).data : {};
      const bad = got[name]?.[place];
      expect(bad instanceof SpoiledItem && bad.told('id')).toBe('it');
      expect({ ...got, [name]: got[name]?.toSpliced(place, 1) }).toEqual(data);
    }),
  );
});

test('3, 4: whatever the text, the answer is a value or a problem', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '"data"',
    '"t"',
    '1',
    '1e400',
    ' ',
    '\u0000',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      const strict = parseJson(text, bounds);
      const read = parseItems(text, bounds, paths);
      if (strict.ok) expect(read).toEqual(strict);
      else if (strict.problem.code === 'json_syntax') expect(read).toEqual(strict);
      else if (read.ok) expect(() => JSON.parse(text)).not.toThrow();
    }),
    { numRuns: 1_000 },
  );
});
