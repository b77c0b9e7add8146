// The one order of texts and index keys: what SQLite's BINARY and PostgreSQL's "C" collation give on UTF-8, so that a list
// sorted on a replica, by either store or in memory is the same list.

/** What an index orders by. An absent field sorts as null. */
export type Scalar = null | undefined | boolean | number | string;

/**
 * Orders by Unicode code point, which is the order of the UTF-8 bytes. JavaScript's `<` compares UTF-16 units and puts
 * U+1F600 (units D83D DE00) before U+E000. Texts are well formed: a lone surrogate is refused at the door.
 */
export function compareText(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === length) return a.length < b.length ? -1 : 1;
  return codePointRank(a.charCodeAt(at)) < codePointRank(b.charCodeAt(at)) ? -1 : 1;
}

/** A total order: null and absent < false < true < numbers < texts. -0 equals 0. */
export function compareScalar(a: Scalar, b: Scalar): -1 | 0 | 1 {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  const difference = kindRank(a) - kindRank(b);
  if (difference !== 0) return difference < 0 ? -1 : 1;
  if (typeof a !== 'number' || typeof b !== 'number' || a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * Moves surrogates, whose code points lie above U+FFFF, behind the units E000 to FFFF. Where two well-formed texts differ
 * in the second unit of a pair, both units are low surrogates, and their own order is that of the code points.
 * The fix-up is Markus Scherer's: https://icu-project.org/docs/papers/utf16_code_point_order.html
 */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

function kindRank(value: Scalar): number {
  switch (typeof value) {
    case 'boolean':
      return value ? 2 : 1;
    case 'number':
      return 3;
    case 'string':
      return 4;
    default:
      return 0;
  }
}
