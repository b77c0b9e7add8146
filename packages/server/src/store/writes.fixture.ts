// What the contract asks of a store's tests, and short ways to write and to ask.

import {
  type Commit,
  emptyScope,
  emptyWorkingSet,
  type HeldMutation,
  type Needs,
  noNeeds,
  type Quarantined,
  type ReplicaState,
  type StoredConflict,
  type StoredMutation,
  type StoredRecord,
  type UniqueHolder,
  type Verdict,
  type WorkingSet,
  type Writes,
} from '@holdfast/core';
import type { AuditEntry, Life, Store } from './port.ts';

/** A store on a database of its own, which is empty at first. */
export interface ContractStore {
  store: Store;
  /** Closes the store and opens the same database again in another life. Both are absent where it ends with the store. */
  restart?(life: Life): Promise<Store>;
  /** Another store on the same database, by which nothing can be written. */
  readOnly?(): Promise<Store>;
  /** Closes and removes everything. */
  end(): Promise<void>;
}

export type OpenStore = (options?: {
  sizeBytesMax?: number;
  readersPerScopeMax?: number;
}) => Promise<ContractStore>;

export const stampBase = 1_764_000_000_000;

/** Version `seq` of a record; its stamp follows from the seq. */
export function record(seq: number, more: Partial<StoredRecord> = {}): StoredRecord {
  const id = more.id ?? `record-${seq}`;
  return {
    collection: 'items',
    id,
    number: seq,
    seq,
    ordinal: 0,
    stamp: stampBase + seq * 10,
    edits: 1,
    declared: 0,
    writer: 'replica-1',
    madeAt: stampBase + seq,
    schema: 1,
    body: JSON.stringify({ name: `Name ${seq}`, quote: '"\\ \u00e9 \ud834\udd1e' }),
    bodyHash: `hash-${seq}`,
    touched: '',
    ...more,
  };
}

export function commitRow(seq: number, more: Partial<Commit> = {}): Commit {
  return {
    seq,
    at: stampBase + seq,
    stamp: stampBase + seq * 10,
    mutation: `mutation-${seq}`,
    mutationHash: `mutation-hash-${seq}`,
    previous: seq === 1 ? '' : `commit-hash-${seq - 1}`,
    device: 'device-1',
    replica: 'replica-1',
    actor: 'Kim',
    ...more,
  };
}

export function verdict(mutation: string, asOf: number, more: Partial<Verdict> = {}): Verdict {
  return { mutation, verdict: 'applied', asOf, ...more };
}

export function mutationRow(id: string, more: Partial<StoredMutation> = {}): StoredMutation {
  return {
    id,
    hash: `hash of ${id}`,
    madeAt: stampBase,
    verdict: verdict(id, 1),
    logged: { 'replica-1': 1 },
    ...more,
  };
}

export function replicaState(replica: string, more: Partial<ReplicaState> = {}): ReplicaState {
  return {
    replica,
    device: 'device-1',
    repeated: [],
    waited: [],
    batch: 1,
    verdicts: 1,
    verdictsSeen: 0,
    waiting: 0,
    renewed: false,
    ...more,
  };
}

export function holder(id: string, more: Partial<UniqueHolder> = {}): UniqueHolder {
  return { collection: 'items', group: 'sku', value: '["A"]', id, claimed: false, since: 1, ...more };
}

export function heldMutation(id: string, more: Partial<HeldMutation> = {}): HeldMutation {
  const made = { wall: stampBase, mono: 0, session: 's', offset: 0, seen: 0 };
  return {
    mutation: {
      id,
      schema: 1,
      made,
      changes: [{ type: 'put', collection: 'items', id: 'a', body: { name: 'é"\\' } }],
    },
    hash: `hash of ${id}`,
    madeAt: stampBase,
    device: 'device-1',
    replicas: ['replica-1'],
    own: {
      writer: 'replica-1',
      seen: 3,
      until: 7,
      former: [{ id: 'replica-0', seqSeen: 2 }],
      repeated: [5],
    },
    at: stampBase,
    waitsFor: [],
    conflicts: [],
    ...more,
  };
}

export function conflict(id: number, more: Partial<StoredConflict> = {}): StoredConflict {
  return {
    id,
    collection: 'items',
    record: 'a',
    writer: 'replica-1',
    device: 'device-1',
    at: stampBase + id,
    fields: ['name'],
    base: { name: 'before' },
    server: { name: 'server' },
    serverVersion: 3,
    made: { device: 5, server: 4, serverWriter: 'r2' },
    changes: [{ type: 'patch', collection: 'items', id: 'a', base: 1, set: { name: 'device' } }],
    mutations: ['mutation-1'],
    policy: 'ask',
    state: 'open',
    settlement: null,
    ...more,
  };
}

export function quarantined(mutation: string, more: Partial<Quarantined> = {}): Quarantined {
  return {
    device: 'device-1',
    replica: 'replica-1',
    mutation,
    code: 'invalid',
    at: stampBase,
    hash: 'hash',
    chars: 20,
    // What is refused may hold what no record can.
    payload: { id: mutation, text: 'NUL \u0000, half a pair \ud834' },
    inScope: true,
    ...more,
  };
}

/** Writes of one scope; what is not named is empty. The head is the last commit's seq. */
export function writesOf(
  parts: Partial<Omit<Writes, 'scope'>> & { scope?: Partial<Writes['scope']> } = {},
): Writes {
  const { scope, ...lists } = parts;
  const last = lists.commits?.at(-1);
  return {
    scope: {
      ...emptyScope,
      head: last?.seq ?? 0,
      stamp: last?.stamp ?? 0,
      recordNumber: Math.max(0, ...(lists.records ?? []).map(({ number }) => number)),
      ...scope,
    },
    replicas: [],
    mutations: [],
    records: [],
    history: [],
    commits: [],
    verdicts: [],
    unique: { put: [], remove: [] },
    held: { put: [], remove: [] },
    conflicts: [],
    copies: [],
    quarantine: [],
    unquarantined: [],
    ...lists,
  };
}

/** Commits of one record each, with the seqs `from` to `to`. */
export function series(
  from: number,
  to: number,
  more: (seq: number) => Partial<StoredRecord> = () => ({}),
): Writes {
  const seqs = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  return writesOf({
    records: seqs.map((seq) => record(seq, more(seq))),
    commits: seqs.map((seq) => commitRow(seq)),
  });
}

export function write(store: Store, writes: Writes, scope = 'shop'): Promise<void> {
  return store.commit((transaction) => transaction.write(new Map([[scope, writes]]), store.life));
}

/** The audit log, oldest first. */
export async function auditOf(store: Store): Promise<AuditEntry[]> {
  const entries = await store.read((snapshot) => snapshot.audit({ max: 1_000 }));
  return entries.map(({ place: _, ...entry }) => entry).reverse();
}

/** What a load gives for the needs that `ask` notes. */
export async function loaded(
  store: Store,
  ask: (needs: Needs) => void,
  { scope = 'shop', holdersMax = 10 } = {},
): Promise<WorkingSet> {
  const needs = noNeeds();
  ask(needs);
  const set = emptyWorkingSet({ ...emptyScope });
  await store.commit((transaction) =>
    transaction.load(new Map([[scope, needs]]), new Map([[scope, set]]), holdersMax),
  );
  return set;
}
