import { describe, expect, it, test } from 'vitest';
import { canonicalJson, equalJson } from './canonical.ts';
import type { Json } from './json.ts';

function double(hex: string): number {
  return Buffer.from(hex, 'hex').readDoubleBE();
}

describe('canonicalJson', () => {
  // https://www.rfc-editor.org/rfc/rfc8785#section-3.2.2
  it('prints the example of RFC 8785', () => {
    const example = JSON.parse(
      `{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
        "string":"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}`,
    );
    expect(canonicalJson(example)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  // https://www.rfc-editor.org/rfc/rfc8785#section-3.2.3
  it('sorts keys by UTF-16 code units', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\u{1f600}', '\u0080', '\u00f6'];
    const object = Object.fromEntries(keys.map((key) => [key, 0]));
    expect(Object.keys(JSON.parse(canonicalJson(object)))).toEqual([
      '1',
      '\r',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\u{1f600}',
      '\ufb33',
    ]);
    expect(canonicalJson({ b: 1, '10': 2, a: 3, '9': 4, '': 5 })).toBe('{"":5,"10":2,"9":4,"a":3,"b":1}');
  });

  // https://www.rfc-editor.org/rfc/rfc8785#appendix-B
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('prints the double %s as %s', (hex, text) => {
    expect(canonicalJson(double(hex))).toBe(text);
  });

  test.each<[Json, string]>([
    [null, 'null'],
    [[], '[]'],
    [{}, '{}'],
    [['', [], {}], '["",[],{}]'],
    [{ b: [1, { d: null, c: true }], a: '' }, '{"a":"","b":[1,{"c":true,"d":null}]}'],
    ['\u2028\u2029\u007f\u{1f600}</script>', '"\u2028\u2029\u007f\u{1f600}</script>"'],
    ['\u0001\b\t\n\f\r\u001f', '"\\u0001\\b\\t\\n\\f\\r\\u001f"'],
    [JSON.parse('{"__proto__":{"b":1,"a":2}}'), '{"__proto__":{"a":2,"b":1}}'],
  ])('prints %j', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it('leaves out what is undefined', () => {
    expect(canonicalJson({ a: undefined, b: 1, c: undefined } as unknown as Json)).toBe('{"b":1}');
  });

  test.each<[unknown]>([
    [Number.NaN],
    [Number.NEGATIVE_INFINITY],
    ['\ud800'],
    [{ '\udc00': 1 }],
    [undefined],
    [[undefined]],
    [1n],
  ])('throws on what is not JSON (%#)', (value) => {
    expect(() => canonicalJson(value as Json)).toThrow(TypeError);
  });
});

describe('equalJson', () => {
  test.each<[unknown, unknown]>([
    [null, null],
    [0, -0],
    ['a', 'a'],
    [[], []],
    [{}, {}],
    [
      { a: 1, b: [{ c: 2, d: 3 }] },
      { b: [{ d: 3, c: 2 }], a: 1 },
    ],
    [{ a: undefined, b: 1 }, { b: 1 }],
    [{ a: undefined }, { c: undefined, d: undefined }],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ])('%j equals %j', (a, b) => {
    expect(equalJson(a as Json, b as Json)).toBe(true);
    expect(equalJson(b as Json, a as Json)).toBe(true);
  });

  test.each<[unknown, unknown]>([
    [null, false],
    [null, 0],
    [null, {}],
    [0, ''],
    [1, '1'],
    [true, 1],
    ['\u00e9', 'e\u0301'],
    [[], {}],
    [['a'], { 0: 'a' }],
    [
      [1, 2],
      [2, 1],
    ],
    [[1], [1, 2]],
    [[1, null], [1]],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [
      { a: 1, b: undefined },
      { a: 1, b: null },
    ],
    [
      { a: undefined, b: 1 },
      { a: 1, b: undefined },
    ],
    [{ a: [] }, { a: {} }],
    [{ toString: 1 }, { a: 1 }],
    [{ a: 1 }, { toString: 1 }],
    [JSON.parse('{"__proto__":{}}'), {}],
    [JSON.parse('{"__proto__":{}}'), { a: {} }],
  ])('%j differs from %j', (a, b) => {
    expect(equalJson(a as Json, b as Json)).toBe(false);
    expect(equalJson(b as Json, a as Json)).toBe(false);
  });
});
