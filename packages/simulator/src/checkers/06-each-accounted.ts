// 6. Unsettled local writes are never lost: created = applied + rejected + pending + given up, for each device and scope, at every
// step. What a device has ever stored lies once in its outbox or once in its quarantine, or it has gone because the server applied
// it, or by the user's own word. What the replica itself counts as pending is what its outbox holds.

import type { Checker, DeviceView, MakeChecker } from '../checker.ts';

/** Of one device in one scope. */
interface Ledger {
  /** `outbox place` or `quarantine place` → who sits there. */
  seats: Map<string, { id: string; pending: boolean }>;
  /** Every mutation that was ever stored here → how many seats it has. */
  created: Map<string, number>;
  pending: number;
}

const applied = new Set(['applied', 'merged', 'excepted']);
const tables = ['outbox', 'quarantine'] as const;

export const eachAccounted: MakeChecker = ({ history, fail }): Checker => {
  const invariant = '6 each accounted for';
  /** Device → scope → its ledger. */
  const books = new Map<string, Map<string, Ledger>>();
  const ledgerOf = (device: string, scope: string): Ledger => {
    const book = books.get(device) ?? new Map<string, Ledger>();
    books.set(device, book);
    const ledger = book.get(scope) ?? { seats: new Map(), created: new Map(), pending: 0 };
    book.set(scope, ledger);
    return ledger;
  };
  const check = (device: DeviceView, scope: string, id: string): void => {
    const seats = ledgerOf(device.name, scope).created.get(id) ?? 0;
    if (seats === 1 || (seats === 0 && device.givenUp.has(id))) return;
    const verdict = history.scope(scope).verdicts.get(id)?.verdict;
    if (seats > 1) fail(invariant, `${device.name} holds ${id} ${seats} times.`);
    else if (!applied.has(verdict ?? ''))
      fail(invariant, `${device.name} has ${id} no more, which is ${verdict ?? 'unknown to the server'}.`);
  };
  return {
    invariant,
    stored({ device, ops }) {
      const moved = new Map<string, string>();
      for (const { table, key, value } of ops) {
        if (table !== 'outbox' && table !== 'quarantine') continue;
        const [scope = '', place = ''] = key;
        const [left, came] = seat(ledgerOf(device.name, scope), `${table} ${place}`, value);
        if (left !== undefined) moved.set(left, scope);
        if (came !== undefined) moved.set(came, scope);
      }
      for (const [id, scope] of moved) check(device, scope, id);
      for (const { table, key, value } of ops) {
        const [scope = '', part] = key;
        if (table !== 'scopes' || part !== 'progress' || value === undefined) continue;
        const { pending } = ledgerOf(device.name, scope);
        const said = (value as { pending?: number }).pending;
        if (said !== pending)
          fail(
            invariant,
            `${device.name} counts ${said} pending in ${scope}, and its outbox holds ${pending}.`,
          );
      }
    },
    restarted(device) {
      const book = books.get(device.name) ?? new Map<string, Ledger>();
      for (const ledger of book.values()) {
        for (const name of [...ledger.seats.keys()]) seat(ledger, name, undefined);
      }
      for (const table of tables)
        for (const { key, value } of device.disk.entries(table))
          seat(ledgerOf(device.name, key[0] ?? ''), `${table} ${key[1]}`, value);
      // What was never told to be stored may have gone with the power.
      for (const [scope, { created }] of book)
        for (const id of created.keys()) if (device.accepted.has(id)) check(device, scope, id);
    },
  };
};

/** Takes the place for what is written there now. Answers who left it, and who came. */
function seat(
  ledger: Ledger,
  name: string,
  value: unknown,
): [left: string | undefined, came: string | undefined] {
  const { seats, created } = ledger;
  const count = (id: string, by: number): void => {
    created.set(id, (created.get(id) ?? 0) + by);
  };
  const before = seats.get(name);
  if (before) {
    seats.delete(name);
    count(before.id, -1);
    ledger.pending -= Number(before.pending);
  }
  if (value === undefined) return [before?.id, undefined];
  const { mutation, state } = value as { mutation: { id: string }; state: string };
  const pending = name.startsWith('outbox') && state !== 'settled';
  seats.set(name, { id: mutation.id, pending });
  count(mutation.id, 1);
  ledger.pending += Number(pending);
  return [before?.id, mutation.id];
}
