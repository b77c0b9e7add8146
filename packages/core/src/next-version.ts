// What a decided change makes of a record's columns.

import type { Mutation, RecordChange } from './change.ts';
import type { Decision } from './decision.ts';
import type { DeclaredCase } from './declared.ts';
import type { StoredRecord } from './stored.ts';
import { type Own, readTouched, type Touch, touchedAgain, touchedAnew, writeTouched } from './touched.ts';

type Written = Extract<Decision, { type: 'write' }>;

interface Writing {
  mutation: Mutation;
  madeAt: number;
  own: Own;
  declared?: DeclaredCase;
  /** When the record counts as made, where that is not when the mutation was. */
  recordMadeAt?: number | undefined;
  seq: number;
  touchedFieldsMax: number;
}

/** The record's next version. Number, ordinal and stamp are given by the commit. */
export function nextVersion(
  change: RecordChange,
  before: StoredRecord | null,
  decision: Written,
  writing: Writing,
): StoredRecord {
  const { body } = decision;
  const { madeAt, mutation, own, seq } = writing;
  const touch: Touch = [seq, madeAt, own.writer];
  return {
    collection: change.collection,
    id: change.id,
    number: before?.number ?? 0,
    seq,
    ordinal: 0,
    stamp: 0,
    edits: (before?.edits ?? 0) + 1,
    declared: declaredBy(before, writing),
    writer: own.writer,
    madeAt: writing.recordMadeAt ?? madeAt,
    schema: mutation.schema,
    body: body === null ? null : JSON.stringify(body),
    bodyHash: '',
    touched: before ? touchedBy(before, decision, touch, writing.touchedFieldsMax) : '',
  };
}

/** To the protocol whose clients declare versions, a change that declares none is another's write. */
function declaredBy(before: StoredRecord | null, { declared }: Writing): number {
  if (declared?.judge.by === 'version') return declared.version;
  return before?.declared ? before.declared + 1 : 0;
}

function touchedBy(
  before: StoredRecord,
  { body, fields }: Written,
  touch: Touch,
  touchedFieldsMax: number,
): string {
  if (fields === 'all') return '';
  if (fields === 'anew') return touchedAnew(before, touch);
  if (fields === 'again') return touchedAgain(before, Object.keys(body ?? {}), touch, touchedFieldsMax);
  const isOneWrite = before.seq === touch[0] && before.touched === '';
  return isOneWrite ? '' : writeTouched(readTouched(before), fields, touch, touchedFieldsMax);
}
