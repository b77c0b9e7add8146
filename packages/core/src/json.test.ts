import { describe, expect, it, test } from 'vitest';
import { checkJson, type JsonBounds, parseJson } from './json.ts';

const bounds: Required<JsonBounds> = { depthMax: 8, keysMax: 100, valuesMax: 1_000 };

function refusal(text: string, within: JsonBounds = bounds): [string, string] | undefined {
  const result = parseJson(text, within);
  return result.ok ? undefined : [result.problem.code, result.problem.field];
}

describe('parseJson reads what JSON.parse reads', () => {
  test.each([
    ['null'],
    ['true'],
    [' \t\r\n[ ] \n'],
    ['{}'],
    ['""'],
    ['0'],
    ['[1,2.5,-3,"a",false,null,{"b":[{}]}]'],
    ['{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}'],
    ['{"":1," ":2}'],
    ['"\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9 \\ud83d\\ude00"'],
    ['"\u2028 \u2029 \u202e \ufeff \u{1f600} \u007f"'],
    ['{"toString":1,"hasOwnProperty":2,"__proto":3,"proto":4,"constructors":5}'],
  ])('%s', (text) => {
    expect(parseJson(text, bounds)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it('keeps texts byte for byte: no normal form is chosen', () => {
    expect(parseJson('["\u00e9","e\u0301"]', bounds)).toEqual({ ok: true, value: ['\u00e9', 'e\u0301'] });
  });

  it('takes the two normal forms of one word for two keys', () => {
    expect(refusal('{"\u00e9":1,"e\u0301":2}')).toBeUndefined();
  });
});

describe('parseJson refuses what is not JSON', () => {
  test.each([
    ['', ''],
    ['  ', ''],
    ['\ufeff{}', ''],
    ['{', ''],
    ['[', '[0]'],
    ['[[1]', '[0]'],
    ['{"a"', 'a'],
    ['{"a":', 'a'],
    ['{"a":}', 'a'],
    ['{"a" 1}', 'a'],
    ['{"a":1,}', ''],
    ['{"a":1 "b":2}', 'a'],
    ['{a:1}', ''],
    ["{'a':1}", ''],
    ['{1:1}', ''],
    ['{,}', ''],
    ['[1,]', '[1]'],
    ['[,1]', '[0]'],
    ['[1 2]', '[0]'],
    ['[1}', '[0]'],
    ['{"a":1]', 'a'],
    [']', ''],
    ['}', ''],
    ['1 2', ''],
    ['{} {}', ''],
    ['[]]', ''],
    ['tru', ''],
    ['truefalse', ''],
    ['[true1]', '[0]'],
    ['nul', ''],
    ['undefined', ''],
    ['NaN', ''],
    ['-Infinity', ''],
    ['01', ''],
    ['-01', ''],
    ['+1', ''],
    ['1.', ''],
    ['.5', ''],
    ['-', ''],
    ['1e', ''],
    ['1e+', ''],
    ['0x10', ''],
    ['1_000', ''],
    ['[1"a"]', '[0]'],
    ['"', ''],
    ['"a', ''],
    ['"a\\', ''],
    ['"a\\"', ''],
    ['"\\x41"', ''],
    ['"\\u12"', ''],
    ['"\\u12g4"', ''],
    ['"a\nb"', ''],
    ['"a\tb"', ''],
    ['{"a\\q":1}', ''],
    ['// note\n1', ''],
    ['[1, /* two */ 2]', '[1]'],
    ['\u00a01', ''],
    ['a'.repeat(100), ''],
    ['\ud800', ''],
  ])('%j', (text, field) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(refusal(text)).toEqual(['json_syntax', field]);
  });

  it('says at which character', () => {
    const result = parseJson('{"a":1,"b" 2}', bounds);
    expect(result).toMatchObject({
      problem: { field: 'b', message: expect.stringContaining('character 12') },
    });
  });

  it('quotes nothing of the content', () => {
    const result = parseJson('{"a":secret}', bounds);
    expect(result).toMatchObject({ ok: false, problem: { message: expect.not.stringContaining('secret') } });
  });
});

describe('parseJson refuses what stores, wires and runtimes do not hold exactly', () => {
  test.each([
    ['9007199254740992'],
    ['-9007199254740992'],
    ['9007199254740993'],
    ['90071992547409910'],
    ['9007199254740991.5'],
    ['1e16'],
    ['1e22'],
    ['1e308'],
    ['1e400'],
    ['-1e400'],
    ['1e99999999999999999999999999999999999'],
    ['1e-400'],
    ['-1e-9999999999999'],
    ['3e-324'],
    ['4.9406564584124654e-324'],
    ['0.10000000000000001'],
    ['0.1000000000000000055511151231257827'],
    ['123456789.12345678901'],
    ['0.30000000000000002'],
    // 17 digits where 16 name the same double: what printf('%.17g') writes.
    ['59.329323456789012'],
    [`0.${'0'.repeat(39)}`],
    ['9'.repeat(10_000)],
    [`-0.${'1'.repeat(10_000)}`],
  ])('number %s', (number) => {
    expect(refusal(`{"n":[${number}]}`)).toEqual(['json_number', 'n[0]']);
  });

  test.each([
    ['9007199254740991'],
    ['-9007199254740991'],
    ['9007199254740991.0'],
    ['9.007199254740991E15'],
    ['900719925474099.1e1'],
    ['0.1'],
    ['12.50'],
    ['1E+2'],
    ['1e15'],
    ['100e-2'],
    ['0.30000000000000004'],
    ['59.32932345678901'],
    ['5e-324'],
    ['0e400'],
    ['0.000'],
    ['-0'],
    ['-0.0e-5'],
    [`0.${'0'.repeat(38)}`],
  ])('but takes %s', (number) => {
    expect(parseJson(number, bounds)).toEqual({ ok: true, value: Number(number) });
  });

  test.each([
    ['{"a":"\\u0000"}', 'a'],
    ['{"a":"\0"}', 'a'],
    ['["x\\ud800"]', '[0]'],
    ['["\\udc00x"]', '[0]'],
    ['["\\ude00\\ud83d"]', '[0]'],
    ['["\ud800"]', '[0]'],
    ['["fine","\udc00"]', '[1]'],
    ['{"b":{"\\ud800":1}}', 'b["\\ud800"]'],
    ['{"b":{"\ud800":1}}', 'b["\\ud800"]'],
    ['{"b":{"\\u0000":1}}', 'b["\\u0000"]'],
  ])('string %j', (text, field) => {
    expect(refusal(text)).toEqual(['json_string', field]);
  });

  test.each([
    ['{"__proto__":{"polluted":1}}', '__proto__'],
    ['{"a":[{"constructor":1}]}', 'a[0].constructor'],
    ['{"a":{"prototype":null}}', 'a.prototype'],
    ['{"\\u005f_proto__":1}', '__proto__'],
    ['{"\\u0063onstructor":1}', 'constructor'],
    ['{"a":{"b\\\\":1}}', 'a["b\\\\"]'],
  ])('key %s', (text, field) => {
    expect(refusal(text)).toEqual(['json_forbidden_key', field]);
  });

  test.each([
    ['{"n":1,"n":2}', 'n'],
    ['{"n":1,"\\u006e":2}', 'n'],
    ['{"a":[0,{"role":"user","x":{"role":1},"role":"admin"}]}', 'a[1].role'],
    ['{"":1,"":2}', '[""]'],
    ['{"\u00e9":1,"\\u00E9":1}', '\u00e9'],
  ])('twice the same key: %s', (text, field) => {
    expect(refusal(text)).toEqual(['json_duplicate_key', field]);
  });

  it('finds a key again among many', () => {
    const keys = Array.from({ length: 90 }, (_, at) => `"k${at}":${at}`);
    expect(refusal(`{${keys.join()}}`)).toBeUndefined();
    for (const key of ['k0', 'k11', 'k12', 'k13', 'k89']) {
      expect(refusal(`{${keys.join()},"${key}":0}`)).toEqual(['json_duplicate_key', key]);
    }
  });
});

describe('parseJson bounds', () => {
  test.each<[string, JsonBounds, [string, string] | undefined]>([
    ['1', { depthMax: 0, keysMax: 0, valuesMax: 1 }, undefined],
    ['[]', { ...bounds, depthMax: 0 }, ['json_too_deep', '']],
    ['[[1]]', { ...bounds, depthMax: 2 }, undefined],
    ['[0,[[1]]]', { ...bounds, depthMax: 2 }, ['json_too_deep', '[1][0]']],
    ['{"a":{"b":{}}}', { ...bounds, depthMax: 2 }, ['json_too_deep', 'a.b']],
    ['[[1],[2],[3],{"a":[4]}]', { ...bounds, depthMax: 3 }, undefined],
    ['{"a":1,"b":2}', { ...bounds, keysMax: 2 }, undefined],
    ['{"x":{"a":1,"b":2,"c":3}}', { ...bounds, keysMax: 2 }, ['json_too_many_keys', 'x']],
    ['[1,2,3]', { ...bounds, keysMax: 0 }, undefined],
    ['[1,2,3]', { ...bounds, valuesMax: 4 }, undefined],
    ['[1,2,3]', { ...bounds, valuesMax: 3 }, ['json_too_many_keys', '[2]']],
    ['{"a":[],"b":{}}', { ...bounds, valuesMax: 2 }, ['json_too_many_keys', 'b']],
  ])('%s within %j', (text, within, expected) => {
    expect(refusal(text, within)).toEqual(expected);
  });

  it('answers a text that is nothing but depth, whether or not it ends', () => {
    expect(refusal('['.repeat(100_000))).toEqual(['json_too_deep', '[0][0][0][0][0][0][0][0]']);
    expect(refusal('{"a":'.repeat(100_000))).toEqual(['json_too_deep', 'a.a.a.a.a.a.a.a']);
    const deep = { ...bounds, depthMax: 200_000, valuesMax: 200_000 };
    expect(refusal('['.repeat(100_000), deep)?.[0]).toBe('json_syntax');
    expect(refusal('['.repeat(1_000) + ']'.repeat(1_000), deep)).toBeUndefined();
  });

  it('stops at the bound, not at the end of the text', () => {
    const many = `{${Array.from({ length: 1_000_000 }, (_, at) => `"${at}":0`).join()}`;
    expect(refusal(many)).toEqual(['json_too_many_keys', '']);
    expect(refusal(`[${'0,'.repeat(1_000_000)}`)?.[0]).toBe('json_too_many_keys');
  });

  it('has a bound on values even when none is named', () => {
    expect(refusal(`[${'0,'.repeat(200_000)}0]`, { depthMax: 1, keysMax: 1 })?.[0]).toBe(
      'json_too_many_keys',
    );
    expect(checkJson(new Array(200_000).fill(0), { depthMax: 1, keysMax: 1 })?.code).toBe(
      'json_too_many_keys',
    );
  });

  it('takes time in proportion to the text, whatever it holds', () => {
    // Each of these takes minutes where a key is compared with all, or a number or string is read again from its start.
    const wide = { depthMax: 10, keysMax: 1_000_000, valuesMax: 3_000_000 };
    const long = 'k'.repeat(50_000);
    const keys = Array.from({ length: 200_000 }, (_, at) => `"${at}":0`).join();
    expect(refusal(`{${keys}}`, wide)).toBeUndefined();
    expect(refusal(`{${[1, 2, 3, 4].map((at) => `"${long}${at}":0`).join()}}`, wide)).toBeUndefined();
    expect(refusal(`[${'9'.repeat(2_000_000)}]`, wide)?.[0]).toBe('json_number');
    expect(refusal(`"${'\\\\'.repeat(1_000_000)}"`, wide)).toBeUndefined();
    expect(refusal(`"${'\\ud800'.repeat(500_000)}"`, wide)?.[0]).toBe('json_string');
    expect(refusal(`${' '.repeat(2_000_000)}x`, wide)?.[0]).toBe('json_syntax');
  });
});

describe('the field of a problem', () => {
  test.each([
    [
      '{"batch":{"mutations":[0,{"changes":[{"body":{"price":1e400}}]}]}}',
      'batch.mutations[1].changes[0].body.price',
    ],
    ['[[0,[1e400]]]', '[0][1][0]'],
    ['{"a.b":{"c d":{"0":1e400}}}', '["a.b"]["c d"]["0"]'],
    ['{"gr\u00f6\u00dfe":{"$x":{"a-b":{"_":1e400}}}}', 'gr\u00f6\u00dfe.$x.a-b._'],
    ['{"say \\"so\\"":1e400}', '["say \\"so\\""]'],
    ['{"a\\r\\nb":1e400}', '["a\\r\\nb"]'],
    [`{"${'k'.repeat(100_000)}":1e400}`, `["${'k'.repeat(64)}\u2026"]`],
    ['{"a":[1,2],"b":1e400}', 'b'],
  ])('%#', (text, field) => {
    expect(refusal(text)).toEqual(['json_number', field]);
  });
});

describe('checkJson', () => {
  class Money {
    amount = 1;
  }
  class List extends Array<number> {}
  const hidden = Object.defineProperty({ a: 1 }, 'b', { value: 2, enumerable: false });
  const cycle: { self?: unknown } = {};
  cycle.self = [cycle];
  // biome-ignore lint/suspicious/noSparseArray: the hole is what is tested.
  const hole = [1, , 3];
  const holeMadeGood = Object.assign(new Array(1), { x: 1 });

  test.each<[string, unknown, [string, string]]>([
    ['undefined', undefined, ['json_value', '']],
    ['an undefined member', { a: { b: undefined } }, ['json_value', 'a.b']],
    ['an undefined item', [undefined], ['json_value', '[0]']],
    ['a function', { f: () => 1 }, ['json_value', 'f']],
    ['a toJSON', { toJSON: () => ({}) }, ['json_value', 'toJSON']],
    ['a symbol', [Symbol('s')], ['json_value', '[0]']],
    ['a symbol as key', [{ [Symbol('s')]: 1 }], ['json_value', '[0]']],
    ['a bigint', { n: 1n }, ['json_value', 'n']],
    ['NaN', { n: Number.NaN }, ['json_value', 'n']],
    ['Infinity', { n: [-Infinity] }, ['json_value', 'n[0]']],
    ['a Date', { at: new Date(0) }, ['json_value', 'at']],
    ['a Map', new Map(), ['json_value', '']],
    ['a typed array', new Uint8Array(3), ['json_value', '']],
    ['a boxed string', Object('text'), ['json_value', '']],
    ['an error', new Error('no'), ['json_value', '']],
    ['an instance', { price: new Money() }, ['json_value', 'price']],
    ['an heir of another object', Object.create({ a: 1 }), ['json_value', '']],
    ['an array of a class', new List(1, 2), ['json_value', '']],
    ['a hole', hole, ['json_value', '']],
    ['a long hole', new Array(900), ['json_value', '']],
    ['a hole and a member', holeMadeGood, ['json_value', '[0]']],
    ['a member beside the items', Object.assign([1], { x: 1 }), ['json_value', '']],
    ['a match', /a/.exec('a'), ['json_value', '']],
    ['a hidden member', hidden, ['json_value', '']],
    ['a cycle', cycle, ['json_too_deep', 'self[0].self[0].self[0].self[0]']],
    ['a long array of nothing', new Array(2 ** 32 - 1), ['json_too_many_keys', '']],
    [
      'too many keys',
      { a: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [at, at])) },
      ['json_too_many_keys', 'a'],
    ],
    ['too many values', [new Array(600).fill(0), new Array(600).fill(0)], ['json_too_many_keys', '[1]']],
    ['2^53', [2 ** 53], ['json_number', '[0]']],
    ['-2^53', [-(2 ** 53)], ['json_number', '[0]']],
    ['1e300', [1e300], ['json_number', '[0]']],
    ['NUL', { a: 'x\0' }, ['json_string', 'a']],
    ['a lone surrogate', { a: '\udc00' }, ['json_string', 'a']],
    ['a lone surrogate as key', { '\ud800': 1 }, ['json_string', '["\\ud800"]']],
    ['__proto__', JSON.parse('{"a":{"__proto__":1}}'), ['json_forbidden_key', 'a.__proto__']],
    ['constructor', [{ constructor: 1 }], ['json_forbidden_key', '[0].constructor']],
    ['prototype', { prototype: 1 }, ['json_forbidden_key', 'prototype']],
  ])('refuses %s', (_name, value, [code, field]) => {
    expect(checkJson(value, bounds)).toMatchObject({ code, field });
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['-0', -0],
    ['fractions', [0.1, 0.1 + 0.2, 5e-324]],
    ['the largest', [2 ** 53 - 1, -(2 ** 53) + 1]],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['a frozen one', Object.freeze({ a: Object.freeze([1]) })],
    ['a pair of surrogates', { '\u{1f600}': '\u{1f600}' }],
    ['one object in two places', ((one) => [one, one])({ a: 1 })],
    ['keys of Object.prototype that do no harm', { toString: 1, valueOf: 2, hasOwnProperty: 3 }],
  ])('takes %s', (_name, value) => {
    expect(checkJson(value, bounds)).toBeUndefined();
  });

  it('counts as parseJson does', () => {
    for (const value of [
      1,
      [],
      [[1]],
      [0, [[1]]],
      { a: { b: {} } },
      { a: 1, b: 2 },
      [1, 2, 3],
      [[1, 2], [3]],
    ]) {
      for (const depthMax of [0, 1, 2, 3]) {
        for (const keysMax of [0, 1, 2]) {
          for (const valuesMax of [1, 3, 4, 6]) {
            const within = { depthMax, keysMax, valuesMax };
            expect(checkJson(value, within) === undefined).toBe(parseJson(JSON.stringify(value), within).ok);
          }
        }
      }
    }
  });

  it('names the first problem in the order of the members', () => {
    expect(checkJson({ a: [1, Number.NaN], b: '\0' }, bounds)?.field).toBe('a[1]');
  });
});
