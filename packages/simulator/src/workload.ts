// What people do on the devices: small mutations of every kind on few records, so that they meet, and what people do besides:
// they read, look after what was not taken, sync, and lose their network.

import type { Act, Choice, MakeAct } from './acts/act.ts';
import * as money from './acts/money.ts';
import * as odd from './acts/odd.ts';
import * as people from './acts/people.ts';
import * as reads from './acts/reads.ts';
import * as records from './acts/records.ts';

/** With how much weight each is chosen; about one in twenty is not valid. */
const acts: readonly (readonly [number, MakeAct])[] = [
  [5, money.openAccount],
  [14, money.transfer],
  [6, money.transferWithReceipt],
  [5, money.transferWithNote],
  [3, money.payStranger],
  [5, money.thereAndBack],
  [4, money.readMeter],
  [8, records.putItem],
  [8, records.patchItem],
  [4, records.addStock],
  [4, records.deleteRecord],
  [4, records.hangItem],
  [4, records.putShelf],
  [4, records.moveShelf],
  [5, records.writeNote],
  [5, records.rate],
  [5, records.draft],
  [4, records.flag],
  [4, records.book],
  [2, records.moveBooking],
  [1, records.swapBookings],
  [6, records.sell],
  [2, records.amendSale],
  [2, records.sellAndNote],
  [3, records.fileWithItem],
  [3, odd.nasty],
  [1, odd.nearBound],
  [1, odd.large],
  [6, odd.invalid],
  [4, people.lookAtQuarantine],
  [2, people.lookAtConflicts],
  [8, people.decide],
  [2, people.syncNow],
  [1, people.goOffline],
  [3, reads.list],
  [4, reads.where],
  [1, reads.status],
];
const weightSum = acts.reduce((sum, [weight]) => sum + weight, 0);

export function drawAct(choice: Choice): Act {
  let left = choice.draw.fraction() * weightSum;
  for (const [weight, make] of acts) {
    left -= weight;
    if (left < 0) return make(choice);
  }
  return money.transfer(choice);
}
