// 6. Of the view: an effect is never seen twice, and never vanishes, between any two steps.
//
// A balance that a device shows is the server's at the visible seq, plus what the device itself has added and the server had not
// applied by then. Whatever is applied up to the visible seq must not be counted again from the outbox. While a first sync opens by
// stages, an entry stays there for what is not open yet, and counts no more in what is; and one from before the grant went away and came
// back counts as soon as all that it touches is open.
//
// After each transaction it looks at what may have changed by it: the accounts and entries that were written and, when another seq
// became visible, all of them.

import type { Mutation } from '@holdfast/core';
import type { DeviceView, MakeChecker } from '../checker.ts';
import { contentOf, type History, tenths } from '../history.ts';
import { isOpen, type Progress, type Stage, stageOf } from '../shown.ts';

interface Entry {
  place: number;
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
  /** What is visible; undefined when the grant has ended. */
  seq: number | undefined;
  /** While a first sync goes on: what of it is visible. */
  stage: Stage | undefined;
  /** Entries up to this place are out of sight, until all that they touch is open. */
  veil: number;
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
  const checkEntry = ({ name }: DeviceView, ledger: Ledger, entry: Entry): void => {
    const { id } = entry.mutation;
    const applied = appliedAt(history, ledger.scope, entry);
    if (applied > seqOf(ledger, entry)) return;
    // A copy of this storage may have sent it; this device learns that with the verdict, when it has sent it, too.
    if (isInView(entry) && !history.copied.has(id))
      fail(invariant, `${name} at ${ledger.seq} still counts ${id}, which was applied at ${applied}.`);
  };
  const checkAccount = (device: DeviceView, { scope, seq, stage, added }: Ledger, id: string): void => {
    const account = device.disk.get<Account>('records', [scope, 'accounts', id]);
    if (!account || seq === undefined || (stage && !isOpen(stage, ['accounts']))) return;
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
        else if (table === 'outbox') note(history, ledger, { place: part, now: value as Entry | undefined });
        else if (part === 'progress') see(history, ledger, device);
      }
      // Only when all of the transaction is noted.
      for (const ledger of touched) check(device, ledger);
    },
    restarted(device) {
      books.delete(device.name);
      for (const { key, value } of device.disk.entries<Entry>('outbox'))
        note(history, ledgerOf(device.name, key[0] ?? ''), { place: key[1] ?? '', now: value });
      for (const { key } of device.disk.entries('scopes'))
        if (key[1] === 'progress') see(history, ledgerOf(device.name, key[0] ?? ''), device);
      for (const ledger of books.get(device.name)?.values() ?? []) check(device, ledger);
    },
  };
};

/** Whether it is part of the view. */
function isInView({ state, hidden }: Entry): boolean {
  return state !== 'conflict' && !hidden;
}

function appliedAt(history: History, scope: string, { mutation }: Entry): number {
  return history.scope(scope).applied.get(mutation.id) ?? Number.POSITIVE_INFINITY;
}

function touchedBy({ mutation }: Entry): string[] {
  return mutation.changes.map(({ collection }) => collection);
}

/** What is applied up to there, is to be counted no more: of a settled one in all that it touches, of others in any part. */
function seqOf({ seq = 0, stage }: Ledger, entry: Entry): number {
  if (!stage) return seq;
  const parts = touchedBy(entry);
  const shown =
    entry.state === 'settled'
      ? isOpen(stage, parts)
      : parts.some((collection) => isOpen(stage, [collection]));
  return shown ? seq : 0;
}

/** Whether it counts in accounts. */
function isCounted(history: History, { scope, seq = 0, stage, veil }: Ledger, entry: Entry): boolean {
  if (!isInView(entry)) return false;
  if (!stage) return true;
  if (entry.place <= veil && !isOpen(stage, touchedBy(entry))) return false;
  const isShown = isOpen(stage, ['accounts']) && appliedAt(history, scope, entry) <= seq;
  return entry.state !== 'settled' || !isShown;
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
  const shown = { seq: undefined, stage: undefined, veil: 0 };
  return { scope, outbox: new Map(), added: new Map(), ...shown, ...looked };
}

/** Takes what the replica says of its progress. */
function see(history: History, ledger: Ledger, { disk }: DeviceView): void {
  const { scope } = ledger;
  const { seq, ended, opened } = disk.get<Progress>('scopes', [scope, 'progress']) ?? noProgress;
  const stage = ended || opened ? undefined : stageOf(disk, scope);
  const visible = ended ? undefined : (stage?.seq ?? seq);
  if (visible !== ledger.seq || stage !== ledger.stage) ledger.all = true;
  const another = stage !== ledger.stage;
  ledger.seq = visible;
  ledger.stage = stage;
  ledger.veil = stage ? (disk.get<number>('scopes', [scope, 'veil']) ?? 0) : 0;
  if (another) recount(history, ledger);
}

const noProgress: Progress = { seq: 0, ended: true, opened: false };

/** Takes the place in the outbox for what stands there now. */
function note(
  history: History,
  ledger: Ledger,
  { place, now }: { place: string; now: Entry | undefined },
): void {
  const { outbox, places } = ledger;
  count(history, ledger, { entry: outbox.get(place), sign: -1 });
  count(history, ledger, { entry: now, sign: 1 });
  if (now) outbox.set(place, now);
  else outbox.delete(place);
  places.add(place);
}

/** Another stage is open: what counts may be others. */
function recount(history: History, ledger: Ledger): void {
  ledger.added.clear();
  for (const entry of ledger.outbox.values()) count(history, ledger, { entry, sign: 1 });
}

function count(
  history: History,
  ledger: Ledger,
  { entry, sign }: { entry: Entry | undefined; sign: 1 | -1 },
): void {
  if (!entry || !isCounted(history, ledger, entry)) return;
  const { added, accounts } = ledger;
  for (const change of entry.mutation.changes) {
    if (change.type !== 'add' || change.collection !== 'accounts') continue;
    added.set(change.id, (added.get(change.id) ?? 0) + sign * tenths(change.amounts.balance));
    accounts.add(change.id);
  }
}
