// Many devices that only listen, in one process: bare sockets of the live protocol that parse what comes.

import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { performTasks } from '../child.ts';
import { machineMs } from '../item.ts';
import { Receipts } from '../receipts.ts';

interface Frame {
  type: string;
  body: { records?: { id: string; body: { updatedAt: number } }[]; checkpoint?: string };
}

const receipts = new Receipts();
let sockets = 0;

performTasks({
  /** Opens so many sockets; resolves when each is subscribed and in step. */
  async subscribe({ url, scope, count }: { url: string; scope: string; count: number }) {
    for (let at = 0; at < count; at += 50)
      await Promise.all(
        Array.from({ length: Math.min(50, count - at) }, (_, index) =>
          listen(url, scope, `listener-${at + index}`),
        ),
      );
  },

  /** Resolves, with how late each was, when each socket has got so many records. */
  received: ({ records }: { records: number }) => receipts.all(records * sockets),
});

function listen(url: string, scope: string, device: string): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/live`);
  const replica = randomUUID();
  const seen = new Set<string>();
  let checkpoint: string | null = null;
  sockets += 1;
  const say = (head: object, body?: object): void =>
    socket.send(body ? `${JSON.stringify(head)}\n${JSON.stringify(body)}` : JSON.stringify(head));
  const pull = (): void =>
    say(
      { type: 'exchange', id: 1 },
      {
        protocol: 'holdfast/1',
        device,
        replica,
        scope,
        schema: 1,
        checkpoint,
        clock: { wall: Date.now(), mono: 0, session: 's' },
        verdictsSeen: 0,
      },
    );
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`A socket was closed with ${code}.`)));
    socket.on('open', () => say({ type: 'hello', protocol: 'holdfast/1', device }));
    socket.on('message', (data: Buffer) => {
      const { type, body } = readFrame(data.toString());
      if (type === 'welcome') say({ type: 'subscribe', scope, checkpoint });
      else if (type === 'subscribed' || type === 'poke') pull();
      else if (type === 'ping') say({ type: 'pong' });
      else if (type === 'page' || type === 'answer') {
        checkpoint = body.checkpoint ?? checkpoint;
        note(seen, body.records ?? []);
        if (type === 'answer') resolve();
      }
    });
  });
}

function readFrame(text: string): Frame {
  const at = text.indexOf('\n');
  const head = JSON.parse(at < 0 ? text : text.slice(0, at)) as { type: string };
  return { type: head.type, body: at < 0 ? {} : JSON.parse(text.slice(at + 1)) };
}

function note(seen: Set<string>, records: { id: string; body: { updatedAt: number } }[]): void {
  const atMs = machineMs();
  for (const { id, body } of records) {
    if (seen.has(id)) continue;
    seen.add(id);
    receipts.note(atMs - body.updatedAt);
  }
}
