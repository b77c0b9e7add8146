// Laws of the door:
// 1. What parseJson accepts, JSON.parse accepts, and both read the same value; parseJson never throws.
// 2. What JSON.parse refuses, parseJson refuses; what JSON.parse accepts, parseJson never calls json_syntax.
// 3. A value that checkJson passes is printed by JSON.stringify as a text that parseJson reads back as that value.
// 4. checkJson and parseJson judge a JSON value alike: same code, same field.
// 5. Something bad in any place is found, and the field names the place.
// 6. A number passes exactly when the shortest decimal of its double equals the text, within ±(2^53 - 1).

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkJson, type JsonBounds, parseJson } from './json.ts';

const bounds: JsonBounds = { depthMax: 10, keysMax: 40, valuesMax: 400 };
const tight: JsonBounds = { depthMax: 3, keysMax: 3, valuesMax: 12 };
const forbidden = new Set(['__proto__', 'constructor', 'prototype']);

const key = fc
  .oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom('a', 'b', 'toString', '0', '1', 'a.b', '\u{1f600}', '"'),
  )
  .filter((text) => !forbidden.has(text) && !/[\0\\]/.test(text));
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1, noNaN: true }),
  fc.constantFrom(0, 5e-324, 0.1, 2 ** 53 - 1),
);
const text = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
  .filter((chars) => !chars.includes('\0'));
const { value: goodValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.oneof(fc.constant(null), fc.boolean(), number, text),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}));
/** Also with what is refused: forbidden keys, NUL, lone surrogates, integers beyond 2^53. */
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.oneof(
      fc.boolean(),
      number,
      text,
      fc.constantFrom(2 ** 53, 1e300, 'x\0', '\ud800', '\udc00\ud800', '\u{1f600}'),
    ),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.oneof(key, fc.constantFrom('constructor', 'prototype', 'a\\', '\0', '\udfff')),
      tie('value'),
      {
        maxKeys: 5,
        noNullPrototype: true,
      },
    ),
  ),
}));

/** Text that is nearly JSON: a good one with pieces replaced, cut out or put in. */
const piece = fc.constantFrom(
  ...[
    '',
    ',',
    ':',
    '"',
    '\\',
    '\\u',
    '\\u0000',
    '\\ud800',
    '{',
    '}',
    '[',
    ']',
    ' ',
    '\n',
    '\0',
    '\ud800',
    '\ude00',
  ],
  ...[
    '0',
    '-',
    '.',
    'e',
    'E+',
    '1e400',
    '01',
    '9007199254740993',
    'true',
    'nul',
    '"a":',
    '"a":1,"a":2',
    '\ufeff',
  ],
);
const broken = fc
  .tuple(
    fc.oneof(goodValue, anyValue),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), piece), { minLength: 1, maxLength: 4 }),
    fc.constantFrom(undefined, 1, '\t'),
  )
  .map(([value, edits, indent]) => {
    let chars = JSON.stringify(value, null, indent);
    for (const [place, cut, put] of edits) {
      const at = place % (chars.length + 1);
      chars = chars.slice(0, at) + put + chars.slice(at + cut);
    }
    return chars;
  });

function native(chars: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(chars) };
  } catch {
    return undefined;
  }
}

test('1, 2: no text is accepted that JSON.parse refuses, and none refused as no JSON that it accepts', () => {
  fc.assert(
    fc.property(fc.oneof(broken, fc.string(), fc.string({ unit: piece })), (chars) => {
      const ours = parseJson(chars, bounds);
      const theirs = native(chars);
      if (ours.ok) expect(ours).toEqual({ ok: true, value: theirs?.value });
      if (theirs === undefined) expect(ours.ok).toBe(false);
      else if (!ours.ok) expect(ours.problem.code).not.toBe('json_syntax');
    }),
    { numRuns: 3_000 },
  );
});

test('3: what passes in memory comes back from its text', () => {
  fc.assert(
    fc.property(goodValue, fc.constantFrom(undefined, 1, '\n\t'), (value, indent) => {
      expect(checkJson(value, bounds)).toBeUndefined();
      const read = parseJson(JSON.stringify(value, null, indent), bounds);
      // Through JSON, because it knows one zero and toEqual two.
      expect(read).toEqual({ ok: true, value: JSON.parse(JSON.stringify(value)) });
    }),
    { numRuns: 500 },
  );
});

test('4: a value and its text are judged alike', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const read = parseJson(JSON.stringify(value), bounds);
      expect(checkJson(value, bounds)).toEqual(read.ok ? undefined : read.problem);
    }),
    { numRuns: 1_000 },
  );
});

test('4: bounds are met or missed alike', () => {
  fc.assert(
    fc.property(goodValue, (value) => {
      expect(checkJson(value, tight) === undefined).toBe(parseJson(JSON.stringify(value), tight).ok);
    }),
    { numRuns: 1_000 },
  );
});

test('5: the field names the place', () => {
  const step = fc.oneof(fc.constantFrom('a', 'b', 'price'), fc.nat({ max: 3 }));
  const bad = fc.constantFrom<[string, string]>(
    ['1e400', 'json_number'],
    ['"\\u0000"', 'json_string'],
    ['{"x":1,"x":2}', 'json_duplicate_key'],
    ['{"__proto__":1}', 'json_forbidden_key'],
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), bad, goodValue, (steps, [chars, code], sibling) => {
      const within = { depthMax: 30, keysMax: 40, valuesMax: 10_000 };
      const beside = JSON.stringify(sibling);
      const nested = steps.reduceRight<string>(
        (inner, at) =>
          typeof at === 'number'
            ? `[${`${beside},`.repeat(at)}${inner},${beside}]`
            : `{"before":${beside},"${at}":${inner},"after":${beside}}`,
        chars,
      );
      const path = steps.map((at) => (typeof at === 'number' ? `[${at}]` : `.${at}`)).join('');
      const last = { json_duplicate_key: '.x', json_forbidden_key: '.__proto__' }[code] ?? '';
      expect(parseJson(nested, within)).toMatchObject({
        ok: false,
        problem: { code, field: (path + last).replace(/^\./, '') },
      });
    }),
    { numRuns: 500 },
  );
});

test('6: numbers are exact or refused', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 18 });
  const decimal = fc
    .tuple(fc.boolean(), digits, fc.option(digits, { nil: '' }), fc.option(fc.integer({ min: -30, max: 30 })))
    .map(([minus, whole, fraction, exponent]) => {
      const point = fraction === '' ? '' : `.${fraction}`;
      return `${minus ? '-' : ''}${whole.replace(/^0+(?=\d)/, '')}${point}${exponent === null ? '' : `e${exponent}`}`;
    })
    .filter((chars) => chars.length <= 40);
  const printed = number.map(String);
  fc.assert(
    fc.property(fc.oneof(decimal, printed), (chars) => {
      const double = Number(chars);
      const exact = Number.isFinite(double) && scaled(String(double)) === scaled(chars);
      expect(parseJson(chars, bounds).ok).toBe(exact && Math.abs(double) < 2 ** 53);
    }),
    { numRuns: 3_000 },
  );
});

/** A decimal as an integer, in units of 10^-400: equal for equal numbers, by nothing but BigInt. */
function scaled(chars: string): bigint {
  const [mantissa = '', exponent = '0'] = chars.split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(400 + Number(exponent) - fraction.length);
}
