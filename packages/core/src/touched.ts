// Who wrote each field of a record last, and at which seq: what conflicts are judged by.
// Stored as text with the record; '' means that all fields were last written with the record's own seq, madeAt and writer.

/** [seq, madeAt, writer]; a null writer stands for several and counts as another's. */
export type Touch = readonly [seq: number, madeAt: number, writer: string | null];

/** Field → its last write. `rest` covers every field that is not named. */
export interface Touched {
  readonly rest: Touch;
  readonly fields: ReadonlyMap<string, Touch>;
}

/** The writer of resolutions and undos. */
export const serverWriter = 'server';

interface RecordStamped {
  seq: number;
  madeAt: number;
  writer: string;
  touched: string;
}

/** Tells whether a write counts as one's own. A set of writers does. */
export interface Owner {
  has(writer: string, seq: number): boolean;
}

const restKey = '*';
const nobody: Touch = [0, 0, null];

export function readTouched(record: RecordStamped): Touched {
  if (record.touched === '') return { rest: [record.seq, record.madeAt, record.writer], fields: new Map() };
  const { [restKey]: rest = nobody, ...named } = JSON.parse(record.touched) as Record<string, Touch>;
  return { rest, fields: new Map(Object.entries(named).map(([key, touch]) => [fieldOf(key), touch])) };
}

export function touchOf(touched: Touched, field: string): Touch {
  return touched.fields.get(field) ?? touched.rest;
}

/** Whether somebody else than `own` wrote the field after `base`. What the server decided is nobody's own. */
export function isForeign(touch: Touch, base: number, own: Owner): boolean {
  const [seq, , writer] = touch;
  return seq > base && (writer === null || writer === serverWriter || !own.has(writer, seq));
}

/** Whether anybody else wrote any field after `base`. */
export function anyForeign(touched: Touched, base: number, own: Owner): boolean {
  if (isForeign(touched.rest, base, own)) return true;
  for (const touch of touched.fields.values()) if (isForeign(touch, base, own)) return true;
  return false;
}

/**
 * The text to store after a write of `fields`. Beyond `fieldsMax` names, the oldest are folded into the rest,
 * with the highest seq among them and no writer.
 */
export function writeTouched(
  before: Touched,
  fields: Iterable<string>,
  touch: Touch,
  fieldsMax: number,
): string {
  const next = new Map(before.fields);
  for (const field of fields) next.set(field, touch);
  let rest = before.rest;
  if (next.size > fieldsMax) {
    const byAge = [...next].sort(([, a], [, b]) => a[0] - b[0]);
    for (const [field, folded] of byAge.slice(0, next.size - fieldsMax)) {
      next.delete(field);
      rest = [Math.max(rest[0], folded[0]), Math.max(rest[1], folded[1]), null];
    }
  }
  const named = [...next].map(([field, last]) => [keyOf(field), last]);
  return JSON.stringify(Object.fromEntries([...named, [restKey, rest]]));
}

/** A field's own name may begin with `*`, or be nothing else. It then has one more, so that no field shares the entry of the rest. */
function keyOf(field: string): string {
  return field.startsWith('*') ? `*${field}` : field;
}

function fieldOf(key: string): string {
  return key.startsWith('*') ? key.slice(1) : key;
}
