// A put of a client of which it is known what it had in sight meets a live record: what differs, whether that is a conflict, and what
// the record becomes. The rules stand above base-judge.ts.

import { type BaseQuestion, found, isWithinTolerance, policyOf, seenIn, stays } from './base-question.ts';
import { addDecimal, subtractDecimal } from './decimal.ts';
import { inexact } from './decision.ts';
import { counterIn, valueIn } from './edit.ts';
import type { Json, JsonObject } from './json.ts';
import { answerRecord, policyName, type RecordAnswer, settleField } from './policy.ts';
import { differsIn, type Ruled, type Ruling } from './ruled.ts';
import type { RecordPolicy } from './schema.ts';
import { isForeign, type Touched, touchOf } from './touched.ts';

export interface Live {
  body: JsonObject;
  madeAt: number;
  touched: Touched;
}

/** Where a put meets a live record. */
interface Meeting {
  body: JsonObject;
  current: Live;
  /** Fields, counters aside, that would be other than they are. */
  changed: readonly string[];
  /** Counter → what it becomes. */
  sums: ReadonlyMap<string, Json>;
  question: BaseQuestion;
}

/** `isConcurrent`: somebody else has written it behind what its writer saw. */
export function edit(body: JsonObject, current: Live, isConcurrent: boolean, question: BaseQuestion): Ruled {
  const { judge, collection } = question;
  // Where nobody else wrote, its writer has the record as it stands.
  const seen = question.sight.body ?? (isConcurrent ? null : current.body);
  const sight = { ...question.sight, body: seen };
  const counted = count(body, current.body, { collection, sight });
  if (counted.type === 'inexact') return { ruling: 'kept', decision: inexact(counted.field), moves: false };
  const changed = Object.keys(body).filter(
    (field) => !collection.counters.has(field) && differsIn(field, body, current.body),
  );
  const compared = changed.filter((field) => !judge.ignored.has(field));
  if (counted.type === 'lost')
    return stays('open', current.body, found([counted.field, ...compared], 'counter', sight));
  const { sums } = counted;
  const meeting = { body, current, changed, sums, question: { ...question, sight } };
  const contested = [...compared, ...sums.keys()];
  if (contested.length === 0) return noted(meeting, isConcurrent);
  if (!isConcurrent) return alone(meeting);
  const isQuiet = isWithinTolerance(current, question);
  const policy = isQuiet ? 'merge' : policyOf(question);
  const conflict = found(contested, policyName(policy), sight);
  const answer = answerOf(policy, meeting, contested);
  if (answer.side === 'ask') return stays('open', current.body, conflict);
  const ruled = writtenOver(
    meeting,
    settledBy(answer, meeting),
    isQuiet ? 'updated' : rulingOf(answer, sums.size),
  );
  const unapplied = ruled.decision.fields.length === 0 ? { unapplied: true as const } : {};
  return {
    ...ruled,
    // What is of both sides is as new as the newer one.
    madeAt: answer.side === 'device' ? question.madeAt : Math.max(question.madeAt, current.madeAt),
    decision: { ...ruled.decision, conflict: { ...conflict, ...unapplied } },
  };
}

/**
 * What it named as it had it is no change: another's value, which it was told of when it last sent the record, stays. What it writes
 * over although nobody told it of it is in the log.
 */
function alone(meeting: Meeting): Ruled {
  const { changed, body, current, question } = meeting;
  const { sight, own } = question;
  const mine = changed.filter((field) => isMine(field, meeting));
  const ruled = writtenOver(meeting, valuesOf(mine, body), 'updated');
  const untold = mine.filter((field) => isForeign(touchOf(current.touched, field), sight.told, own));
  if (untold.length === 0) return ruled;
  return { ...ruled, decision: { ...ruled.decision, conflict: found(untold, 'client', sight) } };
}

/** Nothing differs but what is not compared: the newer of it stays. */
function noted(meeting: Meeting, isConcurrent: boolean): Ruled {
  const { changed, body, current, question } = meeting;
  const isNewer = !isConcurrent || question.madeAt >= current.madeAt;
  return writtenOver(meeting, isNewer ? valuesOf(changed, body) : new Map(), 'unchanged');
}

type Values = ReadonlyMap<string, Json | undefined>;

function valuesOf(fields: readonly string[], body: JsonObject): Values {
  return new Map(fields.map((field) => [field, valueIn(body, field)]));
}

function writtenOver({ current, sums }: Meeting, values: Values, ruling: Ruling) {
  const next = new Map<string, Json>(Object.entries(current.body));
  for (const [field, value] of [...values, ...sums])
    if (value === undefined) next.delete(field);
    else next.set(field, value);
  const body = Object.fromEntries(next);
  const fields = [...values.keys(), ...sums.keys()].filter((field) => differsIn(field, current.body, body));
  const decision = {
    type: 'write' as const,
    body: fields.length === 0 ? current.body : body,
    fields,
    conflict: null,
  };
  return { ruling, decision, moves: false };
}

function answerOf(
  policy: RecordPolicy,
  { body, current, question }: Meeting,
  fields: readonly string[],
): RecordAnswer {
  const { collection, sight, madeAt } = question;
  return answerRecord(policy, {
    collection: collection.name,
    id: question.id,
    fields: [...fields].sort(),
    base: seenIn(fields, sight),
    server: current.body,
    device: { ...current.body, ...body },
    serverMadeAt: current.madeAt,
    deviceMadeAt: madeAt,
  });
}

/** Counters aside. What is not in it stays. */
function settledBy(answer: Exclude<RecordAnswer, { side: 'ask' }>, meeting: Meeting): Values {
  const { changed, body, question } = meeting;
  const { fieldPolicies, counters } = question.collection;
  const values = new Map<string, Json | undefined>();
  for (const field of changed) {
    const mine = isMine(field, meeting);
    if (fieldPolicies.has(field)) {
      if (mine) values.set(field, byFieldPolicy(field, meeting));
    } else if (answer.side === 'device' || (answer.side === 'fields' && mine && isForDevice(field, meeting)))
      values.set(field, valueIn(body, field));
  }
  if (answer.side === 'set')
    for (const [field, value] of Object.entries(answer.set))
      if (field !== 'id' && !counters.has(field)) values.set(field, value);
  return values;
}

/** Whether the client gave the field another value than it had. */
function isMine(field: string, { body, question: { sight } }: Meeting): boolean {
  return !sight.body || differsIn(field, body, sight.body);
}

/** Both sides changed it: the newer. Only the client did: the client's. */
function isForDevice(field: string, { current, question: { sight, madeAt } }: Meeting): boolean {
  const isTheirs = !sight.body || differsIn(field, current.body, sight.body);
  return !isTheirs || touchOf(current.touched, field)[1] <= madeAt;
}

function byFieldPolicy(field: string, { body, current, question }: Meeting): Json | undefined {
  const { collection, sight, madeAt } = question;
  const policy = collection.fieldPolicies.get(field);
  if (!policy) return valueIn(current.body, field);
  return settleField(policy, {
    base: sight.body ? (valueIn(sight.body, field) ?? null) : undefined,
    server: valueIn(current.body, field),
    device: valueIn(body, field),
    serverMadeAt: touchOf(current.touched, field)[1],
    deviceMadeAt: madeAt,
  });
}

function rulingOf({ side }: RecordAnswer, sums: number): Ruling {
  if (side === 'server') return sums > 0 ? 'merged' : 'kept';
  return side === 'device' ? 'replaced' : 'merged';
}

type Counted =
  | { type: 'counted'; sums: ReadonlyMap<string, Json> }
  | { type: 'lost'; field: string }
  | { type: 'inexact'; field: string };

/** What the counters become that the client gives another value than it had. */
function count(
  body: JsonObject,
  current: JsonObject,
  { collection, sight }: Pick<BaseQuestion, 'collection' | 'sight'>,
): Counted {
  const sums = new Map<string, Json>();
  for (const field of Object.keys(body)) {
    if (!collection.counters.has(field)) continue;
    const started = Object.hasOwn(sight.started, field) ? sight.started : sight.body;
    if (!started) return { type: 'lost', field };
    const amount = subtractDecimal(counterIn(body, field), counterIn(started, field));
    const sum = amount === undefined ? undefined : addDecimal(counterIn(current, field), amount);
    if (sum === undefined) return { type: 'inexact', field };
    if (amount !== 0) sums.set(field, sum);
  }
  return { type: 'counted', sums };
}
