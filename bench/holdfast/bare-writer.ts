// A device that keeps nothing: it writes over a live socket and waits for no disk of its own. What it takes is the server's part.

import { performTasks } from '../child.ts';
import { itemOf, machineMs, untilMs } from '../item.ts';
import { openLive } from './live.ts';
import { Writer } from './writer.ts';

performTasks({
  async write(given: { url: string; scope: string; records: number; everyMs: number }) {
    const { url, scope, records, everyMs } = given;
    const socket = await openLive(url, 'bare-writer');
    const writer = new Writer(scope, 'bare-writer');
    const begin = machineMs();
    for (let n = 0; n < records; n += 1) {
      await untilMs(begin + n * everyMs);
      writer.answered(await socket.exchange(writer.request([itemOf(n, machineMs())])));
    }
    socket.end();
  },
});
