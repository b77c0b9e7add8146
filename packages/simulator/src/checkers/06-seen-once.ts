// 6. Of the view: an effect is never seen twice, and never vanishes, between any two steps.
//
// A balance that a device shows is the server's at the visible seq, plus what the device itself has added and the server had not
// applied by then. Whatever is applied up to the visible seq must not be counted again from the outbox.
//
// After each transaction it looks at what may have changed by it: the accounts and entries that were written and, when another seq
// became visible, all of them.

import type { Mutation } from '@holdfast/core';
import type { DeviceView, MakeChecker } from '../checker.ts';
import { contentOf, tenths } from '../history.ts';

interface Entry {
  mutation: Mutation;
  state: string;
  hidden?: boolean;
}

interface Account {
  body: { balance?: number };
}

/** Of one device in one scope. */
interface Ledger {
  scope: string;
  /** By place. */
  outbox: Map<string, Entry>;
  /** Account → what the outbox adds to it, in tenths. */
  added: Map<string, number>;
  /** What is visible; undefined before anything is, and when the grant has ended. */
  seq: number | undefined;
  /** To be looked at. */
  accounts: Set<string>;
  places: Set<string>;
  all: boolean;
}

export const seenOnce: MakeChecker = ({ history, fail }) => {
  const invariant = '6 seen once';
  /** Device → scope → its ledger. */
  const books = new Map<string, Map<string, Ledger>>();
  const ledgerOf = (device: string, scope: string): Ledger => ledgerIn(books, device, scope);
  const checkEntry = ({ name }: DeviceView, { scope, seq }: Ledger, entry: Entry): void => {
    const { id } = entry.mutation;
    const applied = history.scope(scope).applied.get(id) ?? Number.POSITIVE_INFINITY;
    if (applied > (seq ?? 0)) return;
    // A copy of this storage may have sent it; this device learns that with the verdict, when it has sent it, too.
    if (isCounted(entry) && !history.copied.has(id))
      fail(invariant, `${name} at ${seq} still counts ${id}, which was applied at ${applied}.`);
  };
  const checkAccount = (device: DeviceView, { scope, seq, added }: Ledger, id: string): void => {
    const account = device.disk.get<Account>('records', [scope, 'accounts', id]);
    if (!account || seq === undefined) return;
    const base = history.at(scope, `accounts/${id}`, seq)?.body ?? null;
    if (base === null) return;
    const expected = tenths(contentOf(base).balance) + (added.get(id) ?? 0);
    const shown = tenths(account.body.balance);
    if (shown !== expected)
      fail(
        invariant,
        `${device.name} at ${scope} ${seq} shows ${shown / 10} in accounts/${id}, not ${expected / 10}.`,
      );
  };
  const check = (device: DeviceView, ledger: Ledger): void => {
    const { scope, outbox, places, accounts, all } = ledger;
    for (const place of all ? outbox.keys() : places) {
      const entry = outbox.get(place);
      if (entry) checkEntry(device, ledger, entry);
    }
    const known = all ? device.disk.entries('records', [scope, 'accounts']) : [];
    for (const { key } of known) accounts.add(key[2] ?? '');
    for (const id of accounts) checkAccount(device, ledger, id);
    places.clear();
    accounts.clear();
    ledger.all = false;
  };
  return {
    invariant,
    stored({ device, ops }) {
      const touched = new Set<Ledger>();
      for (const { table, key, value } of ops) {
        const [scope = '', part = '', id = ''] = key;
        const isAccount = table === 'records' && part === 'accounts';
        if (!isAccount && table !== 'outbox' && table !== 'scopes') continue;
        const ledger = ledgerOf(device.name, scope);
        touched.add(ledger);
        if (isAccount) ledger.accounts.add(id);
        else if (table === 'outbox') note(ledger, part, value as Entry | undefined);
        else if (part === 'progress') see(ledger, value);
      }
      // Only when all of the transaction is noted.
      for (const ledger of touched) check(device, ledger);
    },
    restarted(device) {
      books.delete(device.name);
      for (const { key, value } of device.disk.entries<Entry>('outbox'))
        note(ledgerOf(device.name, key[0] ?? ''), key[1] ?? '', value);
      for (const { key, value } of device.disk.entries('scopes'))
        if (key[1] === 'progress') see(ledgerOf(device.name, key[0] ?? ''), value);
      for (const ledger of books.get(device.name)?.values() ?? []) check(device, ledger);
    },
  };
};

/** Whether it is part of the view. */
function isCounted({ state, hidden }: Entry): boolean {
  return state !== 'conflict' && !hidden;
}

function ledgerIn(books: Map<string, Map<string, Ledger>>, device: string, scope: string): Ledger {
  const book = books.get(device) ?? new Map<string, Ledger>();
  books.set(device, book);
  const ledger = book.get(scope) ?? emptyLedger(scope);
  book.set(scope, ledger);
  return ledger;
}

function emptyLedger(scope: string): Ledger {
  const looked = { accounts: new Set<string>(), places: new Set<string>(), all: false };
  return { scope, outbox: new Map(), added: new Map(), seq: undefined, ...looked };
}

/** Takes what the replica says of its progress. */
function see(ledger: Ledger, progress: unknown): void {
  const { seq, ended } = (progress ?? { ended: true }) as { seq: number; ended: boolean };
  const visible = ended ? undefined : seq;
  if (visible !== ledger.seq) ledger.all = true;
  ledger.seq = visible;
}

/** Takes the place in the outbox for what stands there now. */
function note({ outbox, added, places, accounts }: Ledger, place: string, now: Entry | undefined): void {
  const count = (entry: Entry | undefined, sign: 1 | -1): void => {
    if (!entry || !isCounted(entry)) return;
    for (const change of entry.mutation.changes) {
      if (change.type !== 'add' || change.collection !== 'accounts') continue;
      added.set(change.id, (added.get(change.id) ?? 0) + sign * tenths(change.amounts.balance));
      accounts.add(change.id);
    }
  };
  count(outbox.get(place), -1);
  count(now, 1);
  if (now) outbox.set(place, now);
  else outbox.delete(place);
  places.add(place);
}
