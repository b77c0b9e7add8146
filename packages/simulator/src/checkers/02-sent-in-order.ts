// 2. Applied once, and in order: what a device sends is due, and nothing of it overtakes.
//
// Order among the entries of an outbox that touch one record never changes: whatever stands before an entry on one of its records
// goes with it, and before it, or it does not go. What creates a parent rises with its child. What the server has answered is not
// sent again, unless the replica took a new id; then it also goes behind what waits. What the server has said to be applied is there,
// also while the device has not stored that yet. What still goes under an id that the replica has left was cut before it took the
// new one, and is judged by the outbox as it stood then: nothing of it was to be sent again for that yet.

import type { Mutation } from '@holdfast/core';
import type { DeviceView, MakeChecker, Sent } from '../checker.ts';
import { shapeOf } from '../history.ts';
import { newerCollections, parentFields } from '../schema.ts';

interface Entry {
  place: number;
  mutation: Mutation;
  state: string;
  again?: boolean;
}

/** Of one device in one scope. */
interface Outbox {
  entries: Map<string, Entry>;
  /** Mutation → its entry. */
  byId: Map<string, Entry>;
  /** Record key → places of the entries that touch it. */
  touching: Map<string, Set<string>>;
  /** Went alone once: it may have failed, and then it is passed over for a while. */
  alone: Set<string>;
  /** Said by the server to be applied. */
  applied: Set<string>;
}

type Scopes = Map<string, Outbox>;

interface Replica {
  /** The id that it goes by. */
  id: string;
  scopes: Scopes;
  /** Id that it has left → its outboxes as they stood when it did. */
  left: Map<string, Scopes>;
}

export const sentInOrder: MakeChecker = ({ fail }) => {
  const invariant = '2 sent in order';
  /** By device. */
  const replicas = new Map<string, Replica>();
  const replicaOf = (device: string): Replica => {
    const replica = replicas.get(device) ?? { id: '', scopes: new Map(), left: new Map() };
    replicas.set(device, replica);
    return replica;
  };
  const checkEntry = (name: string, outbox: Outbox, entry: Entry, before: ReadonlySet<string>): void => {
    const { id } = entry.mutation;
    if (!isSendable(entry)) fail(invariant, `${name} sends ${id}, which is ${entry.state}.`);
    // The server has it already, and only tells again: it cannot come too early.
    if (entry.state === 'waiting' || entry.state === 'conflict') return;
    for (const key of shapeOf(entry.mutation).changes.keys()) {
      const earlier = nearestBefore(outbox, key, entry);
      if (earlier && !before.has(earlier.mutation.id))
        fail(invariant, `${name} sends ${id} before ${earlier.mutation.id}, which is ${earlier.state}.`);
    }
  };
  const checkParents = (event: Sent, outbox: Outbox, entry: Entry, before: ReadonlySet<string>): void => {
    const { device, scope } = event;
    for (const key of parentsOf(entry.mutation, device)) {
      const at = key.indexOf('/');
      if (!isUnknownToServer(device, scope, [key.slice(0, at), key.slice(at + 1)])) continue;
      const last = nearestBefore(outbox, key, entry);
      if (!last || before.has(last.mutation.id) || isKept(outbox, entry)) continue;
      fail(
        invariant,
        `${device.name} sends ${entry.mutation.id} without ${last.mutation.id}, which makes its ${key}.`,
      );
    }
  };
  return {
    invariant,
    stored({ device, ops }) {
      const replica = replicaOf(device.name);
      const renewed = ops.find(({ table, key }) => table === 'meta' && key[0] === 'replica');
      if (renewed) rename(replica, renewed.value);
      for (const { table, key, value } of ops)
        if (table === 'outbox') note(outboxOf(replica.scopes, key[0] ?? ''), key[1] ?? '', value);
    },
    restarted(device) {
      replicas.delete(device.name);
      const replica = replicaOf(device.name);
      rename(replica, device.disk.get('meta', ['replica']));
      for (const { key, value } of device.disk.entries('outbox'))
        note(outboxOf(replica.scopes, key[0] ?? ''), key[1] ?? '', value);
    },
    answered({ device, scope, answer }) {
      const { applied, byId } = outboxOf(replicaOf(device).scopes, scope);
      for (const { mutation, verdict } of answer?.verdicts ?? [])
        if (verdict === 'applied' && byId.has(mutation)) applied.add(mutation);
    },
    sent(event) {
      const { device, scope, mutations } = event;
      const { scopes, left } = replicaOf(device.name);
      const outbox = outboxOf(left.get(event.replica) ?? scopes, scope);
      const before = new Set<string>();
      for (const id of mutations) {
        const entry = outbox.byId.get(id);
        if (!entry) continue;
        if (mutations.length === 1) outbox.alone.add(id);
        checkEntry(device.name, outbox, entry, before);
        checkParents(event, outbox, entry, before);
        before.add(id);
      }
    },
  };
};

/** To be called before anything else of the same transaction is noted. */
function rename(replica: Replica, identity: unknown): void {
  const { id } = (identity ?? { id: '' }) as { id: string };
  if (id === replica.id) return;
  replica.left.set(
    replica.id,
    new Map([...replica.scopes].map(([scope, outbox]) => [scope, asItIs(outbox)])),
  );
  replica.id = id;
}

/** What the server answers, and what went alone, is still noted in both. */
function asItIs(outbox: Outbox): Outbox {
  const { entries, byId, touching } = outbox;
  return {
    ...outbox,
    entries: new Map(entries),
    byId: new Map(byId),
    touching: new Map([...touching].map(([key, places]) => [key, new Set(places)])),
  };
}

function outboxOf(scopes: Scopes, scope: string): Outbox {
  const outbox = scopes.get(scope) ?? emptyOutbox();
  scopes.set(scope, outbox);
  return outbox;
}

function emptyOutbox(): Outbox {
  return {
    entries: new Map(),
    byId: new Map(),
    touching: new Map(),
    alone: new Set(),
    applied: new Set(),
  };
}

function note(outbox: Outbox, place: string, value: unknown): void {
  const old = outbox.entries.get(place);
  if (old) {
    outbox.entries.delete(place);
    outbox.byId.delete(old.mutation.id);
    for (const key of shapeOf(old.mutation).changes.keys()) outbox.touching.get(key)?.delete(place);
  }
  if (value === undefined) return;
  const entry = value as Entry;
  outbox.entries.set(place, entry);
  outbox.byId.set(entry.mutation.id, entry);
  for (const key of shapeOf(entry.mutation).changes.keys()) {
    const places = outbox.touching.get(key) ?? new Set();
    outbox.touching.set(key, places.add(place));
  }
}

/**
 * The nearest entry before this one on a record that keeps it back or must go before it; that one has its own before it. What the
 * server has answered does not, and what is only sent again stands behind nothing else: the server has it, in its order.
 */
function nearestBefore(
  { entries, touching, applied }: Outbox,
  key: string,
  { place, again }: Entry,
): Entry | undefined {
  const counts = (entry: Entry): boolean =>
    isSendable(entry) || entry.state === 'held' || (entry.state === 'waiting' && !again);
  let nearest: Entry | undefined;
  for (const other of touching.get(key) ?? []) {
    const entry = entries.get(other);
    if (!entry || entry.place >= place || entry.place < (nearest?.place ?? 0)) continue;
    if (again || counts(entry)) nearest = entry;
  }
  return nearest && counts(nearest) && !applied.has(nearest.mutation.id) ? nearest : undefined;
}

/** Whether something before it may be kept back for a good reason: it waits, is held, or went alone and may have failed. */
function isKept({ entries, alone }: Outbox, { place }: Entry): boolean {
  for (const entry of entries.values())
    if (entry.place < place && (!isSendable(entry) || alone.has(entry.mutation.id))) return true;
  return false;
}

function isSendable({ state, again }: Entry): boolean {
  return state === 'unsent' || state === 'sent' || again === true;
}

function isUnknownToServer(device: DeviceView, scope: string, record: readonly string[]): boolean {
  const shadow = device.disk.get('shadows', [scope, ...record]) as { body: object | null } | undefined;
  return shadow?.body === null;
}

function parentsOf({ changes }: Mutation, { schemaVersion }: DeviceView): string[] {
  return changes.flatMap((change) => {
    const given = change.type === 'put' ? change.body : change.type === 'patch' ? (change.set ?? {}) : {};
    if (schemaVersion === 1 && newerCollections.has(change.collection)) return [];
    return [...(parentFields.get(change.collection) ?? [])].flatMap(([field, parent]) =>
      typeof given[field] === 'string' ? [`${parent}/${given[field]}`] : [],
    );
  });
}
