// Exact decimal arithmetic on JSON's numbers.
// A number is read as the shortest decimal that prints it, so 0.1 is one tenth and not the double next to it. A result is
// given only when a double holds it exactly in the same sense; otherwise it is undefined, and nothing is ever rounded.
// Counters rest on this: their sum must not depend on the order in which increments arrive.

import Big from 'big.js';

// A constructor of our own: the shared one has settings (`strict`) that another user of the library could change.
const Decimal = Big();

/** The number that holds the decimal `text` exactly, never -0; undefined when none does. `text` is a JSON number. */
export function parseDecimal(text: string): number | undefined {
  const value = positiveZero(Number(text));
  if (!isHeld(value)) return undefined;
  return String(value) === text || new Decimal(text).eq(value) ? value : undefined;
}

/** Whether stores, wires and runtimes all hold this number: finite and within ±(2^53 - 1). Beyond it doubles skip integers. */
export function isHeld(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** The exact sum, never -0; undefined when a double cannot hold it, it lies beyond ±(2^53 - 1), or a part is not finite. */
export function addDecimal(a: number, b: number): number | undefined {
  if (Number.isSafeInteger(a) && Number.isSafeInteger(b)) {
    const sum = positiveZero(a + b);
    return Number.isSafeInteger(sum) ? sum : undefined;
  }
  if (!Number.isFinite(a) || !Number.isFinite(b)) return undefined;
  return exactNumber(new Decimal(a).plus(b));
}

/** a - b, under the rules of `addDecimal`. */
export function subtractDecimal(a: number, b: number): number | undefined {
  return addDecimal(a, -b);
}

/**
 * The exact sum of all, 0 of none, under the rules of `addDecimal`. Only the result is judged: a sum on the way that no
 * double holds does no harm, so the order of the values does not matter.
 */
export function sumDecimals(values: Iterable<number>): number | undefined {
  let integers = 0;
  let others = new Decimal(0);
  let allIntegers = true;
  for (const value of values) {
    if (!Number.isFinite(value)) return undefined;
    const sum = integers + value;
    if (Number.isSafeInteger(value) && Number.isSafeInteger(sum)) {
      integers = sum;
    } else {
      others = others.plus(value);
      allIntegers = false;
    }
  }
  return allIntegers ? integers : exactNumber(others.plus(integers));
}

/** The number with the other sign; 0 stays 0. */
export function negate(value: number): number {
  return positiveZero(-value);
}

/** Doubles are ordered as the shortest decimals that print them, so this needs no decimals. -0 equals 0. */
export function compareDecimal(a: number, b: number): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function exactNumber(decimal: Big): number | undefined {
  const value = positiveZero(decimal.toNumber());
  return isHeld(value) && decimal.eq(value) ? value : undefined;
}

/** JSON text and databases know one zero: -0 would be a value that changes when it is stored. */
function positiveZero(value: number): number {
  return value + 0;
}
