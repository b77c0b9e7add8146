// A person's answer to a conflict becomes the change that travels, and what the record is foreseen to be by it. Pure.

import type { Problem, RecordChange, ResolveChange } from '@holdfast/core';
import type { ReplicaErrorCode } from './errors.ts';
import { type MakeContext, makeChange, type Standing } from './make-change.ts';

export interface Decision {
  conflict: number;
  answer: ResolveChange['answer'];
  /** With the answer `value`: what the record is to be. */
  value?: Readonly<Record<string, unknown>>;
  /** The changes of the device's side, with the answer `device`. */
  device?: readonly RecordChange[];
}

export type MadeDecision =
  | { type: 'decision'; change: ResolveChange; shown: readonly RecordChange[] }
  | { type: 'problem'; problem: Problem<ReplicaErrorCode> };

/** A value is what a put of it would be: it is checked as one, and gives what a put would change. */
export function makeDecision(decision: Decision, standing: Standing, context: MakeContext): MadeDecision {
  const { conflict, answer, value, device = [] } = decision;
  const change: ResolveChange = {
    type: 'resolve',
    collection: context.collection.name,
    id: context.id,
    ...(standing.version > 0 ? { base: standing.version } : {}),
    conflict,
    answer,
  };
  if (!value) return { type: 'decision', change, shown: device };
  const made = makeChange({ type: 'put', body: value }, standing, context);
  if (made.type === 'problem') return made;
  // The record is that way already: nothing of it is replaced.
  if (made.type === 'nothing' || made.change.type !== 'put')
    return { type: 'decision', change: { ...change, body: standing.body ?? {}, replaced: {} }, shown: [] };
  const { body, replaced } = made.change;
  return {
    type: 'decision',
    change: { ...change, body, ...(replaced === undefined ? {} : { replaced }) },
    shown: [made.change],
  };
}
