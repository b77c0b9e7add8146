// What the operator can do, whoever asks: a command that holds the data folder, or one that speaks to the running server. Results
// are plain JSON, because they may travel. Refusals are RequestErrors.

import {
  defaultLimits,
  type Grants,
  type JsonObject,
  type Settlement,
  type StoredConflict,
  type VerdictEntry,
} from '@holdfast/core';
import { z } from 'zod';
import { roleNames } from '../identity/users.ts';
import type {
  Credential,
  Device,
  PlacedAuditEntry,
  QuarantineRow,
  StoreCounts,
  Unclaimed,
  User,
} from '../store/port.ts';

/** Rows of one import request at most. */
export const importRowsMax = 500;

/** Conflicts, or items of the quarantine, in one answer at most. */
export const listMax = 500;

/** Records whose doubled values are counted, so that asking costs little however many there are. */
export const unclaimedMax = 10_000;

const place = z.number().int().min(1);
const page = { after: z.number().int().min(0).exactOptional(), max: z.number().int().min(1).max(listMax) };
const scope = z.string().min(1).max(defaultLimits.idCharsMax);
const name = z.string().min(1).max(200);
const grants = z.union([
  z.literal('all'),
  z
    .array(z.object({ scope, right: z.enum(['read', 'write']) }))
    .min(1)
    .max(1_000),
]);
const role = z.enum(roleNames);
const scopes = z.array(scope).min(1).max(1_000).exactOptional();
// How long it is to be is judged, and said, where it is hashed.
const password = z.string().max(4_096);
const values = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  { message: 'Expected an object' },
);

/** The input of each operation; what it may be called with over HTTP, too. */
export const adminInputs = {
  status: z.object({}),
  schema: z.object({}),
  audit: z.object({
    max: z.number().int().min(1).max(1_000),
    before: z.number().int().min(0).exactOptional(),
  }),
  startImport: z.object({ scope, collection: z.string().min(1) }),
  import: z.object({
    scope,
    collection: z.string().min(1),
    rows: z
      .array(
        z.object({
          id: z.string().min(1).max(defaultLimits.idCharsMax),
          /** Texts to be read by the schema's types, as from the cells of a table. */
          texts: z.record(z.string(), z.string()).exactOptional(),
          values: values.exactOptional(),
          /** The record is to go. */
          deleted: z.literal(true).exactOptional(),
        }),
      )
      .min(1)
      .max(importRowsMax),
  }),
  export: z.object({
    scope,
    collection: z.string().min(1),
    /** The head as of which the first page was read; absent: the present one, which the answer names. */
    seq: z.number().int().min(0).exactOptional(),
    after: z.string().max(defaultLimits.idCharsMax).exactOptional(),
    /** As rows of texts instead of lines of JSON. */
    cells: z.boolean(),
    /** Tombstones as well. */
    deleted: z.boolean(),
  }),
  devices: z.object({}),
  enrol: z.object({ name, grants, device: z.string().min(1).max(defaultLimits.idCharsMax).exactOptional() }),
  revoke: z.object({ device: z.string().min(1) }),
  keys: z.object({}),
  addKey: z.object({ name, grants, expiresDays: z.number().positive().max(36_500).exactOptional() }),
  removeKey: z.object({ key: z.string().min(1) }),
  users: z.object({}),
  addUser: z.object({ name, password, role, scopes }),
  removeUser: z.object({ name }),
  /** Ends every token that the user has. */
  setPassword: z.object({ name, password }),
  setRole: z.object({ name, role, scopes }),
  /** A new key signs tokens from now on; with `endAll` those that were given out end. */
  rotateTokens: z.object({ endAll: z.boolean() }),
  conflicts: z.object({
    scope,
    state: z.enum(['open', 'settled']).exactOptional(),
    device: z.string().exactOptional(),
    ...page,
  }),
  conflict: z.object({ scope, id: place }),
  resolve: z.object({
    scope,
    id: place,
    /** The version of the record, and whether the conflict was open, when the person looked. */
    seen: z.number().int().min(0),
    open: z.boolean(),
    answer: z.enum(['server', 'device', 'value', 'undo']),
    body: values.exactOptional(),
  }),
  quarantine: z.object({ scope: scope.exactOptional(), device: z.string().exactOptional(), ...page }),
  quarantined: z.object({ place }),
  resend: z.object({
    place,
    /** Of what came without a right to any. */
    scope: scope.exactOptional(),
    /** In place of what lies there. */
    changes: z.array(z.unknown()).min(1).exactOptional(),
  }),
  discard: z.object({ place, reason: z.string().min(1).max(500) }),
  backup: z.object({
    /** An absolute path on the server's machine, where nothing lies yet. */
    file: z.string().min(1),
    /** The name that it gets when it was verified; for the audit log. */
    as: z.string().min(1).exactOptional(),
  }),
} as const satisfies Record<keyof Admin, z.ZodObject>;

export type AdminOperation = keyof typeof adminInputs;
export type AdminInput<Operation extends AdminOperation> = z.infer<(typeof adminInputs)[Operation]>;

export interface Admin {
  status(input: Empty): Promise<AdminStatus>;
  schema(input: Empty): Promise<SchemaFacts>;
  /** The newest entries, or those before a place. */
  audit(input: AdminInput<'audit'>): Promise<{ entries: readonly PlacedAuditEntry[] }>;
  /** Notes in the audit log that an import begins; its rows follow in as many calls as they take. */
  startImport(input: AdminInput<'startImport'>): Promise<Empty>;
  /** Brings rows of one collection in: see import-rows.ts. */
  import(input: AdminInput<'import'>): Promise<{ rows: ImportedRow[] }>;
  /** One page of a collection: see export-rows.ts. */
  export(input: AdminInput<'export'>): Promise<ExportPage>;
  devices(input: Empty): Promise<{ devices: readonly Device[] }>;
  /** A one-time code for one device. */
  enrol(input: AdminInput<'enrol'>): Promise<{ code: string; expiresAt: number }>;
  /** A device's id, or a name that one device alone has. False: there is none, or it was revoked already. */
  revoke(input: AdminInput<'revoke'>): Promise<{ revoked: boolean; device: string }>;
  keys(input: Empty): Promise<{ keys: readonly Credential[] }>;
  /** The key's text is in this answer and nowhere else. */
  addKey(input: AdminInput<'addKey'>): Promise<{ key: Credential; text: string }>;
  /** The same for a key. */
  removeKey(input: AdminInput<'removeKey'>): Promise<{ removed: boolean; key: string }>;
  /** Without their passwords' hashes. */
  users(input: Empty): Promise<{ users: readonly User[] }>;
  /** Null: the name is taken. */
  addUser(input: AdminInput<'addUser'>): Promise<{ user: User | null }>;
  /** False: there is no such user. */
  removeUser(input: AdminInput<'removeUser'>): Promise<{ done: boolean }>;
  setPassword(input: AdminInput<'setPassword'>): Promise<{ done: boolean }>;
  setRole(input: AdminInput<'setRole'>): Promise<{ done: boolean }>;
  rotateTokens(input: AdminInput<'rotateTokens'>): Promise<{ kid: string }>;
  /** Conflicts of a scope, without their contents. */
  conflicts(input: AdminInput<'conflicts'>): Promise<{ conflicts: readonly ConflictFacts[] }>;
  /** One whole, with the record as it stands. */
  conflict(input: AdminInput<'conflict'>): Promise<ShownConflict>;
  /** A person's answer, and what it made of both. */
  resolve(input: AdminInput<'resolve'>): Promise<ShownConflict>;
  /** What lies in the quarantine, without the contents. */
  quarantine(input: AdminInput<'quarantine'>): Promise<{ items: readonly QuarantineFacts[] }>;
  quarantined(input: AdminInput<'quarantined'>): Promise<{ item: QuarantineRow }>;
  /** Sends it again as the operator's; a rejected verdict leaves it where it lies. */
  resend(input: AdminInput<'resend'>): Promise<{ verdict: VerdictEntry }>;
  discard(input: AdminInput<'discard'>): Promise<Empty>;
  /** Copies one state of the database to a new file, durably; whoever asked verifies it. */
  backup(input: AdminInput<'backup'>): Promise<{ bytes: number }>;
}

export type Empty = Record<string, never>;

export interface AdminStatus {
  version: string;
  /** When this life of the server began. */
  startedAt: number;
  now: number;
  schema: number;
  counts: StoreCounts;
  /** Records whose value of a unique field belongs to another, up to `unclaimedMax`. */
  unclaimed: readonly Unclaimed[];
  /** In order of name; the first ones when there are many more. */
  scopes: readonly ScopeFacts[];
}

export interface ScopeFacts {
  scope: string;
  head: number;
  /** Of its newest commit; 0 before the first. */
  stamp: number;
  conflictsOpen: number;
  held: number;
}

export interface ConflictFacts
  extends Pick<
    StoredConflict,
    'id' | 'collection' | 'record' | 'fields' | 'device' | 'at' | 'policy' | 'state'
  > {
  /** How many are in it. */
  mutations: number;
  /** `device`: where the person decided; '' at the server. */
  settlement: (Pick<Settlement, 'by' | 'resolution' | 'at' | 'actor'> & { device: string }) | null;
}

export interface ShownConflict {
  conflict: StoredConflict;
  /** The record as it stands: its version (0: there never was one), and null when it is deleted. */
  version: number;
  body: JsonObject | null;
}

export interface QuarantineFacts extends Omit<QuarantineRow, 'payload'> {
  /** Whether its content was kept. */
  kept: boolean;
}

export interface SchemaFacts {
  version: number;
  collections: readonly { name: string; kind: 'fact' | 'request'; fields: readonly string[] }[];
  limits: { recordCharsMax: number; recordDepthMax: number; jsonKeysMax: number };
}

/** Names of fields without a column that are told. */
export const leftOutFieldsMax = 20;

/** In a file, what stands for a deleted record has this field. */
export const deletedMark = '$deleted';

export interface ExportPage {
  /** All pages hold what stood at this head. */
  seq: number;
  /** To go on behind; null: this was the last page. */
  after: string | null;
  records: number;
  /** One record as JSON each. */
  lines?: readonly string[];
  columns?: readonly string[];
  /** A text for each column. */
  rows?: readonly (readonly string[])[];
  /** Records with fields that the schema does not name, which have no column; and some of these fields. */
  leftOut: number;
  leftOutFields: readonly string[];
}

export interface ImportedRow {
  outcome: 'created' | 'changed' | 'deleted' | 'unchanged' | 'waiting' | 'rejected';
  code?: string;
  field?: string;
  /** Why it was rejected, waits, or was flagged. */
  message?: string;
}

export type { Credential, Device, Grants };
