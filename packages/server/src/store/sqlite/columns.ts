// How rows read as objects of core and of the port: the lists of columns, each with the name that the object has,
// and the decoders of what is kept as JSON text.

import type { HeldMutation, ReplicaState, StoredConflict, StoredMutation, Verdict } from '@holdfast/core';
import type { Credential, Device, EnrolmentCode, QuarantineRow, StoredCredential } from '../port.ts';

/** Every list names its table `t`. */
export const scopeColumns = `t.head, t.stamp, t.record_number AS recordNumber, t.conflict_number AS conflictNumber,
  t.conflicts_open AS conflictsOpen, t.held, t.commit_hash AS commitHash`;

export const recordColumns = `t.collection, t.id, t.number, t.seq, t.ordinal, t.stamp, t.edits, t.declared, t.writer,
  t.made_at AS madeAt, t.schema, t.body, t.body_hash AS bodyHash, t.touched`;

export const replicaColumns = `t.replica, t.device, t.repeated, t.waited, t.batch, t.verdicts, t.verdicts_seen AS verdictsSeen, t.waiting,
  t.renewed`;

export type ReplicaRow = Omit<ReplicaState, 'repeated' | 'waited' | 'renewed'> & {
  repeated: string;
  waited: string;
  renewed: number;
};

export function replicaOf(row: ReplicaRow): ReplicaState {
  const { replica, device, repeated, waited, batch, verdicts, verdictsSeen, waiting, renewed } = row;
  return {
    replica,
    device,
    repeated: parsed(repeated),
    waited: parsed(waited),
    batch,
    verdicts,
    verdictsSeen,
    waiting,
    renewed: renewed === 1,
  };
}

export const mutationColumns = 't.id, t.hash, t.made_at AS madeAt, t.verdict, t.logged';

export type MutationRow = Omit<StoredMutation, 'verdict' | 'logged'> & { verdict: string; logged: string };

export function mutationOf({ id, hash, madeAt, verdict, logged }: MutationRow): StoredMutation {
  return { id, hash, madeAt, verdict: parsed<Verdict>(verdict), logged: parsed(logged) };
}

export const conflictColumns = `t.id, t.collection, t.record, t.writer, t.device, t.at, t.server_version AS serverVersion,
  t.policy, t.state, t.content`;

/** What of a conflict no statement asks for is one JSON text. */
type ConflictContent = Pick<
  StoredConflict,
  'fields' | 'base' | 'server' | 'made' | 'changes' | 'mutations' | 'settlement'
>;
export type ConflictRow = Omit<StoredConflict, keyof ConflictContent> & { content: string };

export function conflictOf(row: ConflictRow): StoredConflict {
  const { id, collection, record, writer, device, at, serverVersion, policy, state, content } = row;
  const { fields, base, server, made, changes, mutations, settlement } = parsed<ConflictContent>(content);
  return {
    ...{ id, collection, record, writer, device, at, fields, base, server, serverVersion },
    ...(made ? { made } : {}),
    ...{ changes, mutations, policy, state, settlement },
  };
}

export function conflictContent(conflict: StoredConflict): string {
  const { fields, base, server, made, changes, mutations, settlement } = conflict;
  const content = { fields, base, server, changes, mutations, settlement };
  return JSON.stringify({ ...content, ...(made ? { made } : {}) } satisfies ConflictContent);
}

export function heldOf(row: { content: string }): HeldMutation {
  return parsed(row.content);
}

export const deviceColumns = `t.device, t.name, t.role, t.address, t.key, t.created_at AS createdAt, t.seen_at AS seenAt, t.revoked_at AS revokedAt`;

export function deviceOf(row: Device): Device {
  const { device, name, role, address, key, createdAt, seenAt, revokedAt } = row;
  return { device, name, role, address, key, createdAt, seenAt, revokedAt };
}

export const credentialColumns = `t.key, t.name, t.device, t.grants, t.created_at AS createdAt, t.expires_at AS expiresAt,
  t.revoked_at AS revokedAt`;

/** The same of a user. */
export const userCredentialColumns = `t.key, t.name, NULL AS device, t.grants, t.created_at AS createdAt, NULL AS expiresAt,
  NULL AS revokedAt`;

export type CredentialRow = Omit<Credential, 'grants'> & { grants: string };

export function credentialOf(row: CredentialRow): Credential {
  const { key, name, device, grants, createdAt, expiresAt, revokedAt } = row;
  return { key, name, device, grants: parsed(grants), createdAt, expiresAt, revokedAt };
}

export function storedCredentialOf(row: CredentialRow & { secretHash: string }): StoredCredential {
  return { ...credentialOf(row), secretHash: row.secretHash };
}

export type EnrolmentCodeRow = Omit<EnrolmentCode, 'grants'> & { grants: string };

export function enrolmentCodeOf(row: EnrolmentCodeRow): EnrolmentCode {
  const { codeHash, device, name, grants, expiresAt } = row;
  return { codeHash, device, name, grants: parsed(grants), expiresAt };
}

export const quarantineColumns = `t.place, coalesce(t.scope, '') AS scope, t.device, t.replica, t.mutation, t.code, t.at,
  t.chars, t.payload`;

export function quarantineOf(
  row: Omit<QuarantineRow, 'payload'> & { payload: string | null },
): QuarantineRow {
  const { place, scope, device, replica, mutation, code, at, chars, payload } = row;
  return {
    ...{ place, scope, device, replica, mutation, code, at, chars },
    payload: payload === null ? null : parsed<unknown>(payload),
  };
}

/** JSON that this store wrote itself. */
export function parsed<Value>(text: string): Value {
  return JSON.parse(text) as Value;
}
