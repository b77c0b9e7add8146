// Records of every kind and policy: put, patched, moved, deleted, counted, referred to.

import type { Act, Choice } from './act.ts';
import { some } from './some.ts';

export function putItem(choice: Choice): Act {
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
    ...(draw.chance(0.3) ? { colour: `colour ${draw.below(3)}` } : {}),
  };
  return { name: `puts ${id}`, run: ({ scope }) => scope.items.put(item) };
}

export function patchItem(choice: Choice): Act {
  const { draw } = choice;
  const id = `i${some(choice)}`;
  const patch = draw.pick([
    { note: `note ${draw.below(99)}`, price: draw.below(90) },
    { name: `name ${draw.below(9)}`, low: draw.below(50) },
    { tags: [`t${draw.below(5)}`, `t${draw.below(5)}`], note: undefined },
    { sku: `sku ${draw.below(3)}` },
    { sku: undefined, quantity: draw.below(8) },
    { colour: `colour ${draw.below(3)}` },
  ]);
  return { name: `patches ${id} ${JSON.stringify(patch)}`, run: ({ scope }) => scope.items.patch(id, patch) };
}

export function addStock(choice: Choice): Act {
  const id = `i${some(choice)}`;
  const quantity = (choice.draw.below(41) - 20) / 10;
  return { name: `adds ${quantity} to ${id}`, run: ({ scope }) => scope.items.add(id, { quantity }) };
}

export function deleteRecord(choice: Choice): Act {
  const n = some(choice);
  const of = choice.draw.pick(['items', 'shelves', 'notes', 'rates', 'drafts', 'flags'] as const);
  const id = `${of[0]}${n}`;
  return { name: `deletes ${of}/${id}`, run: ({ scope }) => scope.collection(of).delete(id) };
}

export function hangItem(choice: Choice): Act {
  const id = `i${some(choice)}`;
  const shelf = `s${choice.draw.below(choice.records)}`;
  return { name: `puts ${id} on ${shelf}`, run: ({ scope }) => scope.items.patch(id, { shelf }) };
}

export function putShelf(choice: Choice): Act {
  const id = `s${some(choice)}`;
  const label = `label ${choice.draw.below(9)}`;
  return { name: `puts ${id}`, run: ({ scope }) => scope.shelves.put({ id, label }) };
}

export function moveShelf(choice: Choice): Act {
  const id = `s${some(choice)}`;
  const room = `room ${choice.draw.below(5)}`;
  return { name: `moves ${id} to ${room}`, run: ({ scope }) => scope.shelves.patch(id, { room }) };
}

export function writeNote(choice: Choice): Act {
  const { draw } = choice;
  const id = `n${some(choice)}`;
  const text = `text ${draw.below(9)}`;
  return draw.chance(0.4)
    ? { name: `writes ${id}`, run: ({ scope }) => scope.notes.put({ id, text }) }
    : {
        name: `colours ${id}`,
        run: ({ scope }) => scope.notes.patch(id, { text, colour: `c${draw.below(4)}` }),
      };
}

export function rate(choice: Choice): Act {
  const { draw } = choice;
  const id = `r${some(choice)}`;
  const value = draw.below(50);
  return draw.chance(0.5)
    ? { name: `rates ${id} ${value}`, run: ({ scope }) => scope.rates.put({ id, value }) }
    : { name: `rates ${id} in units`, run: ({ scope }) => scope.rates.patch(id, { unit: `u${value}` }) };
}

export function draft(choice: Choice): Act {
  const { draw } = choice;
  const id = `d${some(choice)}`;
  const text = `draft ${draw.below(99)}`;
  return draw.chance(0.5)
    ? { name: `drafts ${id}`, run: ({ scope }) => scope.drafts.put({ id, text }) }
    : { name: `rethinks ${id}`, run: ({ scope }) => scope.drafts.patch(id, { mood: text }) };
}

export function flag(choice: Choice): Act {
  const id = `f${some(choice)}`;
  const state = `state ${choice.draw.below(9)}`;
  return { name: `flags ${id} ${state}`, run: ({ scope }) => scope.flags.put({ id, state }) };
}

export function book({ draw }: Choice): Act {
  const booking = { room: `room ${draw.below(2)}`, slot: draw.below(4), guest: `guest ${draw.below(9)}` };
  return {
    name: `books ${booking.room} at ${booking.slot}`,
    run: ({ scope }) => scope.bookings.put(booking),
  };
}

export function moveBooking({ draw }: Choice): Act {
  const [nth, slot, cancels] = [draw.below(4), draw.below(4), draw.chance(0.4)];
  return {
    name: cancels ? `cancels booking ${nth}` : `moves booking ${nth} to ${slot}`,
    run: async ({ scope }) => {
      const booking = (await scope.bookings.list({ limit: 4 }))[nth];
      if (booking && cancels) await scope.bookings.delete(booking.id);
      else if (booking) await scope.bookings.patch(booking.id, { slot });
    },
  };
}

/** Each takes the other's place, in one mutation. */
export function swapBookings({ draw }: Choice): Act {
  const [a, b] = [draw.below(3), draw.below(3)];
  return {
    name: `swaps bookings ${a} and ${b}`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        const found = await tx.bookings.list({ limit: 3 });
        const [one, other] = [found[a], found[b]];
        if (!one || !other || one === other) return;
        await tx.bookings.patch(one.id, { room: other.room, slot: other.slot });
        await tx.bookings.patch(other.id, { room: one.room, slot: one.slot });
      }),
  };
}

export function sell(choice: Choice): Act {
  const { draw } = choice;
  const item = `i${some(choice)}`;
  const sale = {
    item,
    amount: 1 + draw.below(3),
    ...(draw.chance(0.3) ? { receipt: `r${draw.below(5)}` } : {}),
  };
  return {
    name: `sells ${sale.amount} of ${item}`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        await tx.sales.put(sale);
        if (await tx.items.get(item)) await tx.items.add(item, { quantity: -sale.amount });
      }),
  };
}

/** A fact that also writes what others may have written: the conflict stays open, and the sale is taken. */
export function sellAndNote(choice: Choice): Act {
  const [item, note, amount] = [`i${some(choice)}`, `n${some(choice)}`, 1 + choice.draw.below(3)];
  return {
    name: `sells ${amount} of ${item} and notes it in ${note}`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        await tx.sales.put({ item, amount });
        if (await tx.notes.get(note)) await tx.notes.patch(note, { text: `sold ${amount}` });
      }),
  };
}

/** Gives a receipt another number, or takes it away: who held it besides follows. */
export function amendSale({ draw }: Choice): Act {
  const [number, next, way] = [`r${draw.below(5)}`, `r${draw.below(5)}`, draw.below(3)];
  return {
    name: `amends the sale of receipt ${number}`,
    run: async ({ scope }) => {
      const [sale] = await scope.sales.where({ where: { receipt: number }, limit: 1 });
      if (!sale) return;
      if (way === 0) await scope.sales.delete(sale.id);
      else await scope.sales.patch(sale.id, { receipt: way === 1 ? next : undefined });
    },
  };
}

/** Of the newer version of the schema alone. The parent may be made in the same mutation. */
export function fileWithItem(choice: Choice): Act {
  const { draw } = choice;
  const [id, item, makes] = [`p${some(choice)}`, `i${some(choice)}`, draw.chance(0.3)];
  const text = `page ${draw.below(99)}`;
  return {
    name: `files ${id} with ${item}`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        if (!('papers' in tx)) return;
        if (makes) await tx.items.put({ id: item, name: text });
        await tx.papers.put({ id, text, item });
      }),
  };
}
