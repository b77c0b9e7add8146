// One field's part of a `where`, as a set of texts: single texts, or a span of them. The texts are those of index-key.ts, so a
// condition is a range of an index and a test of a record at once. Pure.
//
//   eq, in                 points
//   gt, gte, lt, lte       the span of the operand's kind (booleans, numbers or texts), cut at the operand
//   prefix                 a span of texts
//
// So `lt: 5` finds numbers alone: no null, no absent field, no text. `eq: null` finds null and absent fields.

import { compareText } from '@holdfast/core';
import { encodeStringPrefix, encodeValue, firstBehind } from './index-key.ts';

/** Texts from `from` up to `to`, which is not part of it; absent: without end. */
export interface Span {
  from: string;
  to?: string | undefined;
}

export interface Condition {
  /** The only texts that it may be, in order, each once; undefined: every text of the span. */
  points: readonly string[] | undefined;
  /** The same. */
  pointSet: ReadonlySet<string> | undefined;
  span: Span;
}

/** Field → what its text must be. Throws a TypeError on an operator or operand that there is not. */
export function readConditions(where: object): Map<string, Condition> {
  const conditions = new Map<string, Condition>();
  for (const [field, wanted] of Object.entries(where)) {
    conditions.set(field, readCondition(field, wanted));
  }
  return conditions;
}

export function matches({ pointSet, span }: Condition, text: string): boolean {
  return pointSet ? pointSet.has(text) : isWithin(span, text);
}

/** No text can match. */
export function isImpossible({ points, span }: Condition): boolean {
  return points ? points.length === 0 : isEmpty(span);
}

export function isEmpty({ from, to }: Span): boolean {
  return to !== undefined && compareText(from, to) >= 0;
}

/** The texts that are in both. */
export function overlap(a: Span, b: Span): Span {
  const from = compareText(a.from, b.from) < 0 ? b.from : a.from;
  if (a.to === undefined || b.to === undefined) return { from, to: a.to ?? b.to };
  return { from, to: compareText(a.to, b.to) < 0 ? a.to : b.to };
}

/** Whether it leaves out some text. */
export function isBounded({ points, span }: Condition): boolean {
  return points !== undefined || span.from !== '' || span.to !== undefined;
}

/** How the values of a field become texts. An id is its own text, as it stands in a key; all other values are encoded. */
interface Texts {
  of(value: Operand | null): string;
  /** The first text behind it. */
  behind(value: Operand): string;
  /** The texts that begin with it. */
  prefix(text: string): Span;
  /** The texts of all values of the operand's kind; undefined: the field has none of it. */
  kind(value: Operand): Span | undefined;
}

type Operand = boolean | number | string;

const fieldTexts: Texts = {
  of: encodeValue,
  // There is always one: the kind's tag, the first character, can be raised.
  behind: (value) => firstBehind(encodeValue(value)) ?? '',
  prefix: (text) => ({ from: encodeStringPrefix(text), to: firstBehind(encodeStringPrefix(text)) }),
  kind(value) {
    if (typeof value === 'boolean') return { from: encodeValue(false), to: firstBehind(encodeValue(true)) };
    const tag = encodeValue(value).charAt(0);
    return { from: tag, to: firstBehind(tag) };
  },
};

const idTexts: Texts = {
  // No id holds a NUL, so what is no text stands for a record that there is not.
  of: (value) => (typeof value === 'string' ? value : '\0'),
  behind: (value) => `${value}\u0001`,
  prefix: (text) => ({ from: text, to: firstBehind(text) }),
  kind: (value) => (typeof value === 'string' ? { from: '' } : undefined),
};

function readCondition(field: string, wanted: unknown): Condition {
  const texts = field === 'id' ? idTexts : fieldTexts;
  const operators = isPlainObject(wanted) ? Object.entries(wanted) : [['eq', wanted] as const];
  let span: Span = { from: '' };
  let points: readonly string[] | undefined;
  for (const [operator, operand] of operators) {
    const place = `${operator} of ${field}`;
    if (operator === 'eq') points = common(points, [texts.of(readValue(place, operand))]);
    else if (operator === 'in') points = common(points, readList(place, operand).map(texts.of));
    else span = overlap(span, spanOf(texts, operator, place, operand));
  }
  points = points?.filter((text) => isWithin(span, text)).sort(compareText);
  return { points, pointSet: points && new Set(points), span };
}

function spanOf(texts: Texts, operator: string, place: string, operand: unknown): Span {
  const value = readValue(place, operand);
  if (value === null) throw new TypeError(`${place}: null has no order. Use eq.`);
  const kind = texts.kind(value);
  if (kind === undefined) return nothing;
  switch (operator) {
    case 'gt':
      return { ...kind, from: texts.behind(value) };
    case 'gte':
      return { ...kind, from: texts.of(value) };
    case 'lt':
      return { ...kind, to: texts.of(value) };
    case 'lte':
      return { ...kind, to: texts.behind(value) };
    case 'prefix':
      if (typeof value !== 'string') throw new TypeError(`${place}: a prefix is a text.`);
      return texts.prefix(value);
    default:
      throw new TypeError(`There is no operator ${place}. There are eq, in, gt, gte, lt, lte and prefix.`);
  }
}

const nothing: Span = { from: '', to: '' };

function common(points: readonly string[] | undefined, wanted: readonly string[]): string[] {
  const unique = new Set(wanted);
  return points ? points.filter((text) => unique.has(text)) : [...unique];
}

function isWithin({ from, to }: Span, text: string): boolean {
  return compareText(from, text) <= 0 && (to === undefined || compareText(text, to) < 0);
}

function readList(place: string, operand: unknown): (Operand | null)[] {
  if (!Array.isArray(operand)) throw new TypeError(`${place}: expected an array.`);
  return operand.map((value: unknown) => readValue(place, value));
}

/** A forgotten variable is undefined; a query that then found everything would be worse than none. */
function readValue(place: string, operand: unknown): Operand | null {
  if (operand === null || typeof operand === 'boolean' || typeof operand === 'string') return operand;
  if (typeof operand === 'number' && !Number.isNaN(operand)) return operand;
  throw new TypeError(`${place}: expected null, a boolean, a number or a text.`);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
