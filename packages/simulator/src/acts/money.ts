// Money is only moved, never made, so what anybody sees of it adds up to nothing; meters are read to the last digit.

import type { Act, Choice, Hands } from './act.ts';
import { some } from './some.ts';

export function openAccount(choice: Choice): Act {
  const id = `a${choice.draw.below(choice.records)}`;
  const owner = `owner ${choice.draw.below(9)}`;
  return {
    name: `opens ${id}`,
    run: async ({ scope }) => {
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

export function transfer(choice: Choice): Act {
  const { from, to, amount } = pair(choice);
  return {
    name: `moves ${amount} from ${from} to ${to}`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        await tx.accounts.add(from, { balance: -amount });
        await tx.accounts.add(to, { balance: amount });
      }),
  };
}

/** The server has the account, and keeps it: none is ever deleted. */
function isKnown({ disk, scope }: Hands, account: string): boolean {
  const record = disk.get<{ version: number }>('records', [scope.name, 'accounts', account]);
  return record !== undefined && record.version > 0;
}

export function transferWithReceipt(choice: Choice): Act {
  const { from, to, amount } = pair(choice);
  const item = `i${some(choice)}`;
  return {
    name: `sells ${item} and moves ${amount} from ${from} to ${to}`,
    run: async (hands) => {
      const { scope } = hands;
      // Of a fact the server takes what it can: it must know both accounts, or half of the transfer is taken.
      if (!isKnown(hands, from) || !isKnown(hands, to)) return;
      await scope.mutate(async (tx) => {
        await tx.accounts.add(from, { balance: -amount });
        await tx.sales.put({ item, amount });
        await tx.accounts.add(to, { balance: amount });
      });
    },
  };
}

/** The server does not take such an account: then there was no transfer to it either. */
export function payStranger(choice: Choice): Act {
  const { from, amount } = pair(choice);
  const to = `z${choice.draw.below(2)}`;
  return {
    name: `moves ${amount} from ${from} to ${to}, which the server refuses`,
    run: async ({ scope }) => {
      if (!(await scope.accounts.get(to)))
        await scope.accounts.put({ id: to, owner: 'x'.repeat(60), balance: 0 });
      await scope.mutate(async (tx) => {
        await tx.accounts.add(from, { balance: -amount });
        await tx.accounts.add(to, { balance: amount });
      });
    },
  };
}

/** The note may come into a conflict that a person must decide; then the money waits with it. */
export function transferWithNote(choice: Choice): Act {
  const { from, to, amount } = pair(choice);
  const note = `n${some(choice)}`;
  return {
    name: `moves ${amount} from ${from} to ${to} and notes it in ${note}`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        await tx.accounts.add(from, { balance: -amount });
        await tx.notes.patch(note, { text: `moved ${amount}` });
        await tx.accounts.add(to, { balance: amount });
      }),
  };
}

/** Both ends of a transfer in one change: nothing is moved, but the counter is written. */
export function thereAndBack(choice: Choice): Act {
  const id = `a${some(choice)}`;
  const other = `a${choice.draw.below(choice.records)}`;
  return {
    name: `books ${id} and ${other} there and back`,
    run: ({ scope }) =>
      scope.mutate(async (tx) => {
        await tx.accounts.add(id, { balance: 0.3 });
        await tx.accounts.add(other, { balance: -0.1 });
        await tx.accounts.add(other, { balance: -0.2 });
      }),
  };
}

/** Decimals that floating-point arithmetic gets wrong, among them some that no double can add up. */
const units = [0.1, 0.2, -0.3, 1e-7, -1e-7, 1234567.125, 4503599627370496, -4503599627370496, 1e-20, 99.99];

export function readMeter(choice: Choice): Act {
  const id = `m${some(choice)}`;
  const amount = choice.draw.pick(units);
  return {
    name: `adds ${amount} to ${id}`,
    run: async ({ scope }) => {
      if (await scope.meters.get(id)) await scope.meters.add(id, { units: amount });
      else await scope.meters.put({ id, units: 0 });
    },
  };
}
