// A text of several items, of which each is judged by itself: one that no store could hold exactly spoils itself and no other.
//
// The text is read strictly first. Only where that finds something that may not be, the items' texts are cut out of it: what is left
// is read strictly, because what stands around the items refuses them all, and so is each item.

import { type Json, type JsonBounds, type JsonProblem, type JsonResult, parseJson } from './json.ts';
import { defaultLimits } from './limits.ts';

/** The ways to the items: keys, or '*' for any member. An empty way: the text as a whole is one. */
export type ItemPaths = readonly (readonly string[])[];

/** An item that is JSON and may not be kept. Of its content nothing leaves but words by which its sender finds it again. */
export class SpoiledItem {
  /** Its field is the one within the item. */
  readonly problem: JsonProblem;
  readonly #content: unknown;

  constructor(problem: JsonProblem, content: unknown) {
    this.problem = problem;
    this.#content = content;
  }

  /** What stands there, if it is a whole text or a number. */
  told(...path: string[]): string | number | undefined {
    let found = this.#content;
    for (const step of path) {
      if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
      found = (found as Readonly<Record<string, unknown>>)[step];
    }
    if (typeof found === 'string') return found.isWellFormed() && !found.includes('\0') ? found : undefined;
    return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
  }

  /** In a sentence, with the field before it. */
  get reason(): string {
    const { field, message } = this.problem;
    return field === '' ? message : `${field}: ${message}`;
  }
}

export type ItemsResult = { ok: true; value: unknown } | Extract<JsonResult, { ok: false }>;

/** As `parseJson`, but an item that may not be kept is a SpoiledItem in its place. */
export function parseItems(text: string, bounds: JsonBounds, paths: ItemPaths): ItemsResult {
  const strict = parseJson(text, bounds);
  if (strict.ok || strict.problem.code === 'json_syntax') return strict;
  const cut = cutItems(text, { paths, valuesMax: bounds.valuesMax ?? defaultLimits.jsonValuesMax });
  if (!cut) return strict;
  const around = parseJson(cut.around, bounds);
  if (!around.ok) return around;
  const items: unknown[] = [];
  for (const itemText of cut.items) {
    const item = parseJson(itemText, bounds);
    const content = item.ok ? item.value : spoiled(itemText, item.problem);
    if (content === undefined) return strict;
    items.push(content);
  }
  return { ok: true, value: withItems(around.value, paths, items) };
}

/** Undefined for a text that is no JSON. */
function spoiled(text: string, problem: JsonProblem): SpoiledItem | undefined {
  if (problem.code === 'json_syntax') return undefined;
  try {
    return new SpoiledItem(problem, JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Puts each item where its number stands. */
function withItems(value: Json, paths: ItemPaths, items: readonly unknown[]): unknown {
  if (paths.some((path) => path.length === 0)) return items[value as number];
  if (paths.length === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.map((member: Json) => withItems(member, pathsBehind(paths, '*'), items));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, withItems(member, pathsBehind(paths, key), items)]),
  );
}

/** '*' as a step: a member without a name. */
function pathsBehind(paths: ItemPaths, step: string): ItemPaths {
  return paths.flatMap(([first, ...rest]) => (first === '*' || first === step ? [rest] : []));
}

/** Deeper than this, or with more values, a text is refused as a whole: to look into it would cost too much. */
const depthMax = 1_000;

const char = { quote: 0x22, comma: 0x2c, colon: 0x3a, backslash: 0x5c };
const open = { array: 0x5b, object: 0x7b };
const close = { array: 0x5d, object: 0x7d };

interface Cut {
  readonly text: string;
  at: number;
  /** Commas and opening brackets: with one more for each bracket, at least as many as there are values. */
  marks: number;
  readonly marksMax: number;
  readonly items: string[];
  /** What stands around the items, in pieces, and where the next piece begins. */
  readonly pieces: string[];
  pieceFrom: number;
}

/**
 * The items, and what stands around them with a number in the place of each. Undefined where the text is no JSON, or too much of it.
 * Looks at nothing but brackets and quotes: each part is judged afterwards.
 */
function cutItems(
  text: string,
  { paths, valuesMax }: { paths: ItemPaths; valuesMax: number },
): { around: string; items: readonly string[] } | undefined {
  const cut: Cut = { text, at: 0, marks: 0, marksMax: valuesMax, items: [], pieces: [], pieceFrom: 0 };
  if (!cutValue(cut, paths)) return undefined;
  return { around: [...cut.pieces, text.slice(cut.pieceFrom)].join(''), items: cut.items };
}

/** False where it leads nowhere. Descends no deeper than the paths. */
function cutValue(cut: Cut, paths: ItemPaths): boolean {
  const first = skipSpace(cut);
  if (paths.some((path) => path.length === 0)) return cutItem(cut);
  if (paths.length === 0 || (first !== open.array && first !== open.object)) return skipValue(cut);
  const isArray = first === open.array;
  if (!mark(cut)) return false;
  cut.at += 1;
  for (;;) {
    if (skipSpace(cut) === (isArray ? close.array : close.object)) break;
    const key = isArray ? '*' : readKey(cut);
    if (key === undefined || !cutValue(cut, pathsBehind(paths, key))) return false;
    if (skipSpace(cut) !== char.comma) continue;
    if (!mark(cut)) return false;
    cut.at += 1;
  }
  cut.at += 1;
  return true;
}

function cutItem(cut: Cut): boolean {
  const from = cut.at;
  if (!skipValue(cut)) return false;
  cut.pieces.push(cut.text.slice(cut.pieceFrom, from), String(cut.items.length));
  cut.items.push(cut.text.slice(from, cut.at));
  cut.pieceFrom = cut.at;
  return true;
}

/** Also its colon. An item is never found behind a key that is none. */
function readKey(cut: Cut): string | undefined {
  const from = cut.at;
  if (!skipString(cut)) return undefined;
  const literal = cut.text.slice(from, cut.at);
  if (skipSpace(cut) !== char.colon) return undefined;
  cut.at += 1;
  try {
    return JSON.parse(literal);
  } catch {
    return undefined;
  }
}

function skipValue(cut: Cut): boolean {
  const from = cut.at;
  let depth = 0;
  do {
    const code = skipSpace(cut);
    if (Number.isNaN(code)) return false;
    if (code === char.quote) {
      if (!skipString(cut)) return false;
      continue;
    }
    if (code === close.array || code === close.object) depth -= 1;
    if (code === open.array || code === open.object) depth += 1;
    const counts = code === char.comma || code === open.array || code === open.object;
    if (depth < 0 || depth > depthMax || (counts && !mark(cut))) return false;
    if (depth === 0 && code !== close.array && code !== close.object) skipWord(cut);
    else cut.at += 1;
  } while (depth > 0);
  return cut.at > from;
}

function skipString(cut: Cut): boolean {
  const { text } = cut;
  if (text.charCodeAt(cut.at) !== char.quote) return false;
  for (let at = cut.at + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === char.backslash) at += 1;
    else if (code === char.quote) {
      cut.at = at + 1;
      return true;
    }
  }
  return false;
}

/** Up to the next space or separator. */
function skipWord(cut: Cut): void {
  for (;;) {
    const code = cut.text.charCodeAt(cut.at);
    const ends = code === char.comma || code === close.array || code === close.object;
    if (!(code > 0x20) || ends) return;
    cut.at += 1;
  }
}

/** Moves to the next character that is no space and answers its code; NaN at the end of the text. */
function skipSpace(cut: Cut): number {
  let code = cut.text.charCodeAt(cut.at);
  while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
    cut.at += 1;
    code = cut.text.charCodeAt(cut.at);
  }
  return code;
}

function mark(cut: Cut): boolean {
  cut.marks += 1;
  return cut.marks <= cut.marksMax;
}
