// What people do on the devices: small mutations of every kind on few records, so that they meet.

import type { ReplicaScope } from '@holdfast/client';
import type { Stream } from './random.ts';
import type { Business } from './schema.ts';

type Scope = ReplicaScope<Business>;

export interface Act {
  name: string;
  run: (scope: Scope) => Promise<unknown>;
}

interface Choice {
  draw: Stream;
  records: number;
}

type MakeAct = (choice: Choice) => Act;

/** With how much weight each is chosen. */
const acts: readonly (readonly [number, MakeAct])[] = [
  [5, openAccount],
  [14, transfer],
  [6, transferWithReceipt],
  [5, fundingAdd],
  [8, putItem],
  [8, patchItem],
  [4, addStock],
  [3, deleteRecord],
  [4, hangItem],
  [4, putShelf],
  [4, moveShelf],
  [5, writeNote],
  [5, rate],
  [5, draft],
  [4, flag],
  [5, book],
  [7, sell],
  [3, invalid],
  [2, large],
];
const weightSum = acts.reduce((sum, [weight]) => sum + weight, 0);

export function drawAct(draw: Stream, records: number): Act {
  let left = draw.fraction() * weightSum;
  for (const [weight, make] of acts) {
    left -= weight;
    if (left < 0) return make({ draw, records });
  }
  return transfer({ draw, records });
}

/** Few records get most of the writes. */
function some({ draw, records }: Choice): number {
  return draw.chance(0.6) ? 0 : draw.below(records);
}

function openAccount(choice: Choice): Act {
  const id = `a${choice.draw.below(choice.records)}`;
  const owner = `owner ${choice.draw.below(9)}`;
  return {
    name: `opens ${id}`,
    run: async (scope) => {
      const account = await scope.accounts.get(id);
      // The owner may change; the balance is never set.
      if (account) await scope.accounts.patch(id, { owner });
      else await scope.accounts.put({ id, owner, balance: 0 });
    },
  };
}

function pair(choice: Choice): { from: string; to: string; amount: number } {
  const from = some(choice);
  const to = (from + 1 + choice.draw.below(Math.max(1, choice.records - 1))) % choice.records;
  return { from: `a${from}`, to: `a${to}`, amount: (1 + choice.draw.below(100)) / 10 };
}

function transfer(choice: Choice): Act {
  const { from, to, amount } = pair(choice);
  return {
    name: `moves ${amount} from ${from} to ${to}`,
    run: (scope) =>
      scope.mutate(async (tx) => {
        await tx.accounts.add(from, { balance: -amount });
        await tx.accounts.add(to, { balance: amount });
      }),
  };
}

function transferWithReceipt(choice: Choice): Act {
  const { from, to, amount } = pair(choice);
  const item = `i${some(choice)}`;
  return {
    name: `sells ${item} and moves ${amount} from ${from} to ${to}`,
    run: (scope) =>
      scope.mutate(async (tx) => {
        await tx.accounts.add(from, { balance: -amount });
        await tx.sales.put({ item, amount });
        await tx.accounts.add(to, { balance: amount });
      }),
  };
}

/** Both ends of a transfer in one change: nothing is moved, but the counter is written. */
function fundingAdd(choice: Choice): Act {
  const id = `a${some(choice)}`;
  const other = `a${choice.draw.below(choice.records)}`;
  return {
    name: `books ${id} and ${other} there and back`,
    run: (scope) =>
      scope.mutate(async (tx) => {
        await tx.accounts.add(id, { balance: 0.3 });
        await tx.accounts.add(other, { balance: -0.1 });
        await tx.accounts.add(other, { balance: -0.2 });
      }),
  };
}

function putItem(choice: Choice): Act {
  const { draw } = choice;
  const id = `i${some(choice)}`;
  const item = {
    id,
    name: `name ${draw.below(9)}`,
    price: draw.below(90),
    low: draw.below(50),
    quantity: draw.below(6),
    tags: [`t${draw.below(5)}`],
    ...(draw.chance(0.5) ? { sku: `sku ${draw.below(3)}` } : {}),
  };
  return { name: `puts ${id}`, run: (scope) => scope.items.put(item) };
}

function patchItem(choice: Choice): Act {
  const { draw } = choice;
  const id = `i${some(choice)}`;
  const patch = draw.pick([
    { note: `note ${draw.below(99)}`, price: draw.below(90) },
    { name: `name ${draw.below(9)}`, low: draw.below(50) },
    { tags: [`t${draw.below(5)}`, `t${draw.below(5)}`], note: undefined },
    { sku: `sku ${draw.below(3)}` },
    { sku: undefined, quantity: draw.below(8) },
  ]);
  return { name: `patches ${id} ${JSON.stringify(patch)}`, run: (scope) => scope.items.patch(id, patch) };
}

function addStock(choice: Choice): Act {
  const id = `i${some(choice)}`;
  const quantity = (choice.draw.below(41) - 20) / 10;
  return { name: `adds ${quantity} to ${id}`, run: (scope) => scope.items.add(id, { quantity }) };
}

function deleteRecord(choice: Choice): Act {
  const n = some(choice);
  const of = choice.draw.pick(['items', 'shelves', 'notes', 'rates', 'drafts', 'flags'] as const);
  const id = `${of[0]}${n}`;
  return { name: `deletes ${of}/${id}`, run: (scope) => scope.collection(of).delete(id) };
}

function hangItem(choice: Choice): Act {
  const id = `i${some(choice)}`;
  const shelf = `s${choice.draw.below(choice.records)}`;
  return { name: `puts ${id} on ${shelf}`, run: (scope) => scope.items.patch(id, { shelf }) };
}

function putShelf(choice: Choice): Act {
  const id = `s${some(choice)}`;
  const label = `label ${choice.draw.below(9)}`;
  return { name: `puts ${id}`, run: (scope) => scope.shelves.put({ id, label }) };
}

function moveShelf(choice: Choice): Act {
  const id = `s${some(choice)}`;
  const room = `room ${choice.draw.below(5)}`;
  return { name: `moves ${id} to ${room}`, run: (scope) => scope.shelves.patch(id, { room }) };
}

function writeNote(choice: Choice): Act {
  const { draw } = choice;
  const id = `n${some(choice)}`;
  const text = `text ${draw.below(9)}`;
  return draw.chance(0.4)
    ? { name: `writes ${id}`, run: (scope) => scope.notes.put({ id, text }) }
    : { name: `colours ${id}`, run: (scope) => scope.notes.patch(id, { text, colour: `c${draw.below(4)}` }) };
}

function rate(choice: Choice): Act {
  const { draw } = choice;
  const id = `r${some(choice)}`;
  const value = draw.below(50);
  return draw.chance(0.5)
    ? { name: `rates ${id} ${value}`, run: (scope) => scope.rates.put({ id, value }) }
    : { name: `rates ${id} in units`, run: (scope) => scope.rates.patch(id, { unit: `u${value}` }) };
}

function draft(choice: Choice): Act {
  const { draw } = choice;
  const id = `d${some(choice)}`;
  const text = `draft ${draw.below(99)}`;
  return draw.chance(0.5)
    ? { name: `drafts ${id}`, run: (scope) => scope.drafts.put({ id, text }) }
    : { name: `rethinks ${id}`, run: (scope) => scope.drafts.patch(id, { mood: text }) };
}

function flag(choice: Choice): Act {
  const id = `f${some(choice)}`;
  const state = `state ${choice.draw.below(9)}`;
  return { name: `flags ${id} ${state}`, run: (scope) => scope.flags.put({ id, state }) };
}

function book(choice: Choice): Act {
  const { draw } = choice;
  const booking = { room: `room ${draw.below(2)}`, slot: draw.below(4), guest: `guest ${draw.below(9)}` };
  return { name: `books ${booking.room} at ${booking.slot}`, run: (scope) => scope.bookings.put(booking) };
}

function sell(choice: Choice): Act {
  const { draw } = choice;
  const item = `i${some(choice)}`;
  const sale = {
    item,
    amount: 1 + draw.below(3),
    ...(draw.chance(0.3) ? { receipt: `r${draw.below(9)}` } : {}),
  };
  return {
    name: `sells ${sale.amount} of ${item}`,
    run: (scope) =>
      scope.mutate(async (tx) => {
        await tx.sales.put(sale);
        if (await tx.items.get(item)) await tx.items.add(item, { quantity: -sale.amount });
      }),
  };
}

/** Taken by the device's schema, refused by the server's. */
function invalid(choice: Choice): Act {
  const id = `i${some(choice)}`;
  return {
    name: `prices ${id} beyond the bound`,
    run: (scope) => scope.items.put({ id, name: 'dear', price: 99 }),
  };
}

/** One mutation that is larger than any page. */
function large({ draw }: Choice): Act {
  const value = draw.below(100);
  return {
    name: 'rates many',
    run: (scope) =>
      scope.mutate(async (tx) => {
        for (let n = 0; n < 9; n += 1) await tx.rates.put({ id: `many${n}`, value });
      }),
  };
}
