// Who wrote each field of a record last, and at which seq: what conflicts are judged by.
// Stored as text with the record; '' means that all fields were last written with the record's own seq, madeAt and writer.

/** [seq, madeAt, writer]; a null writer stands for several and counts as another's. */
export type Touch = readonly [seq: number, madeAt: number, writer: string | null];

/** Field → its last write. `rest` covers every field that is not named. */
export interface Touched {
  readonly rest: Touch;
  readonly fields: ReadonlyMap<string, Touch>;
  /** The delete after which the record began anew. */
  readonly tombstone: Touch | null;
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

/**
 * Which writes are a replica's own. An id alone does not tell: a copy of its storage writes under the same. But of what it has
 * heard it knows whether it made it, and what it repeats it had; a write that is neither may be the copy's.
 */
export interface Own {
  /** The id that its writes are recorded under. */
  writer: string;
  /** Commits of this id behind `seen` and up to `until` are its own only if it repeated them. */
  seen: number;
  until: number;
  former: readonly Former[];
  /** Seqs of commits whose mutations it repeated. */
  repeated: readonly number[];
}

/** An id that a replica had before, and the highest seq of its commits of which it had heard when it gave the id up. */
export interface Former {
  id: string;
  seqSeen: number;
}

/** All that was written under `writer`, which nobody else bears. */
export function ownOf(writer: string): Own {
  return { writer, seen: 0, until: 0, former: [], repeated: [] };
}

/** Whether it is one of the replica's ids, whoever bears it. */
export function isIdOf({ writer, former }: Own, id: string): boolean {
  return id === writer || former.some((one) => one.id === id);
}

/** `repeated`: what it has repeated since. */
export function ownerOf(own: Own, repeated: readonly number[]): Owner {
  const former = new Map(own.former.map(({ id, seqSeen }) => [id, seqSeen]));
  const seqs = new Set([...own.repeated, ...repeated]);
  return {
    has(writer, seq) {
      if (seqs.has(seq)) return true;
      if (writer === own.writer) return seq <= own.seen || seq > own.until;
      const seen = former.get(writer);
      return seen !== undefined && seq <= seen;
    },
  };
}

const restKey = '*';
const tombstoneKey = '*tombstone';
const nobody: Touch = [0, 0, null];

export function readTouched(record: RecordStamped): Touched {
  if (record.touched === '') return { rest: lastTouch(record), fields: new Map(), tombstone: null };
  const stored = JSON.parse(record.touched) as Record<string, Touch>;
  const { [restKey]: rest = nobody, [tombstoneKey]: tombstone = null, ...named } = stored;
  const fields = new Map(Object.entries(named).map(([key, touch]) => [fieldOf(key), touch]));
  return { rest, fields, tombstone };
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

/** Whether others than `writer`, which nobody else bears, wrote any field of the record behind `seq`, or deleted it before it began anew. */
export function wroteSince(record: RecordStamped, { writer, seq }: { writer: string; seq: number }): boolean {
  const touched = readTouched(record);
  const own = ownerOf(ownOf(writer), []);
  return (
    anyForeign(touched, seq, own) || (touched.tombstone !== null && isForeign(touched.tombstone, seq, own))
  );
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
  return textOf({ rest, fields: next, tombstone: before.tombstone });
}

/** The text of a record that begins anew where `tombstone` stood: nothing of its former life is left but when that ended. */
export function touchedAnew(tombstone: RecordStamped, touch: Touch): string {
  return textOf({ rest: touch, fields: new Map(), tombstone: lastTouch(tombstone) });
}

/** The text of a record that a person brought back: `fields` are written now, and what it has no more the delete took away. */
export function touchedAgain(
  tombstone: RecordStamped,
  fields: Iterable<string>,
  touch: Touch,
  fieldsMax: number,
): string {
  const rest = [tombstone.seq, tombstone.madeAt, null] as const;
  return writeTouched({ rest, fields: new Map(), tombstone: null }, fields, touch, fieldsMax);
}

function lastTouch({ seq, madeAt, writer }: RecordStamped): Touch {
  return [seq, madeAt, writer];
}

function textOf({ rest, fields, tombstone }: Touched): string {
  const named = [...fields].map(([field, touch]) => [keyOf(field), touch]);
  const ended = tombstone ? [[tombstoneKey, tombstone]] : [];
  return JSON.stringify(Object.fromEntries([...named, [restKey, rest], ...ended]));
}

/** A field's own name may begin with `*`, or be nothing else. It then has one more, so that no field takes the place of another entry. */
function keyOf(field: string): string {
  return field.startsWith('*') ? `*${field}` : field;
}

function fieldOf(key: string): string {
  return key.startsWith('*') ? key.slice(1) : key;
}
