// The server's durable answer to one mutation.

import type { VerdictCode } from './errors.ts';
import type { Ruling } from './ruled.ts';

export type VerdictName = 'applied' | 'merged' | 'waiting' | 'conflict' | 'rejected' | 'excepted';

/** Why a fact was flagged, or which part of it was not taken as it was. */
export interface Exception {
  code: VerdictCode;
  collection: string;
  id: string;
  field?: string;
  message: string;
  /** The conflict that holds the part that was not applied. */
  conflict?: number;
}

/** What an automatic resolution did to one record. */
export interface Merge {
  collection: string;
  id: string;
  /** Fields on which the policy was consulted. */
  fields: readonly string[];
  /** Where base and both sides are kept. */
  conflict: number;
}

export interface Verdict {
  mutation: string;
  verdict: VerdictName;
  /** The commit that applied it; absent when nothing changed. */
  seq?: number;
  /** Its commit's seq or, without a commit, the scope's head when it was judged. */
  asOf: number;
  code?: VerdictCode;
  field?: string;
  message?: string;
  help?: string;
  merged?: readonly Merge[];
  exceptions?: readonly Exception[];
  /** Of a declared change: what its judge made of it. */
  ruling?: Ruling;
  /** Conflicts that hold the mutation until a person decides. */
  conflicts?: readonly number[];
}

/** Whether nothing further will come for this mutation unless a person asks for it. */
export function isFinal(verdict: VerdictName): boolean {
  return verdict !== 'waiting' && verdict !== 'conflict';
}
