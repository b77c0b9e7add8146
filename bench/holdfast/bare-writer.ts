// A device that keeps nothing: it writes over a live socket and waits for no disk of its own. What it takes is the server's part.

import { WebSocket } from 'ws';
import { performTasks } from '../child.ts';
import { itemOf, machineMs, untilMs } from '../item.ts';
import { Writer } from './writer.ts';

performTasks({
  async write(given: { url: string; scope: string; records: number; everyMs: number }) {
    const { url, scope, records, everyMs } = given;
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/live`);
    const writer = new Writer(scope, 'bare-writer');
    let answered: (text: string) => void = () => undefined;
    const greeted = new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', (code) => reject(new Error(`The socket was closed with ${code}.`)));
      socket.on('open', () =>
        socket.send(JSON.stringify({ type: 'hello', protocol: 'holdfast/1', device: 'bare-writer' })),
      );
      socket.on('message', (data: Buffer) => {
        const [head = '', body = ''] = data.toString().split('\n', 2);
        const { type } = JSON.parse(head) as { type: string };
        if (type === 'welcome') resolve();
        else if (type === 'ping') socket.send(JSON.stringify({ type: 'pong' }));
        else if (type === 'answer') answered(body);
      });
    });
    await greeted;
    const begin = machineMs();
    for (let n = 0; n < records; n += 1) {
      await untilMs(begin + n * everyMs);
      const answer = new Promise<string>((resolve) => {
        answered = resolve;
      });
      const request = writer.request([itemOf(n, machineMs())]);
      socket.send(`${JSON.stringify({ type: 'exchange', id: n })}\n${request}`);
      writer.answered(await answer);
    }
    socket.terminate();
  },
});
