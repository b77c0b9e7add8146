// What a plan folds over: pushes of devices, answers of people to conflicts, and held mutations whose time is over.

import type { Mutation } from './change.ts';
import type { DeclaredCase, Judge } from './declared.ts';
import type { Problem, VerdictCode } from './errors.ts';
import type { JsonObject } from './json.ts';
import type { Former } from './touched.ts';

export type PlanItem = PushItem | DeclaredItem | Resolution | ExpireItem;

/** A mutation as it came through the door. */
export interface Arrived {
  mutation: Mutation;
  hash: string;
  /** When it counts as made, if this is its first arrival. */
  madeAt: number;
  /** What the door found; it is refused, fact or not. */
  problem?: Problem<VerdictCode>;
}

export interface PushItem {
  type: 'push';
  device: string;
  replica: string;
  /** Ids that the replica says it had; those of another device are not believed. */
  former: readonly Former[];
  right: 'write' | 'read' | 'none';
  /** What may be remembered of one without the right to write: refused mutations, and replicas that are new to the scope. */
  room: { refusals: number; replicas: number };
  /** Absent for protocols that number no batches. */
  n?: number;
  verdictsSeen: number;
  /** The highest seq among its verdicts that it holds. Absent for protocols that know of none: then all under its id is its own. */
  seqSeen?: number;
  mutations: readonly Arrived[];
}

/** Writes of a client that knows neither bases nor mutation ids. Each is a mutation of its own, of one change. */
export interface DeclaredItem {
  type: 'declared';
  device: string;
  /** Under which its writes are recorded: `<protocol>/<device>`. */
  writer: string;
  right: 'write' | 'read' | 'none';
  judge: Judge;
  mutations: readonly ArrivedDeclared[];
}

/** With what its client declares. */
export type ArrivedDeclared = Arrived & Pick<DeclaredCase, 'version' | 'base' | 'started'>;

export interface Resolution {
  type: 'resolve';
  conflict: number;
  /** The version of the record that the person saw; 0 when it did not exist. */
  seenVersion: number;
  /** The person saw it open: if somebody else has settled it meanwhile, the answer is not taken. */
  seenOpen?: boolean;
  answer: ResolutionAnswer;
  /** A new mutation id for the changes that it makes. */
  mutation: string;
  actor: string;
}

export type ResolutionAnswer =
  /** The server's side stays. */
  | { type: 'server' }
  /** The device's side is applied to the record as it stands now. */
  | { type: 'device' }
  /**
   * The record becomes this body; its counters move by the difference to what the person saw. `replaced`, as in a put, names what
   * of it is meant, with what the person saw there; without it all is.
   */
  | { type: 'value'; body: JsonObject; replaced?: JsonObject }
  /** What the last settlement did to the record is taken back; what it left undone is done. */
  | { type: 'undo' };

/** Held mutations whose time is over. */
export interface ExpireItem {
  type: 'expire';
  mutations: readonly string[];
}
