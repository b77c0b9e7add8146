// A bare live socket that sends exchanges, one at a time, and subscribes to nothing.

import { WebSocket } from 'ws';
import type { Connection } from './writer.ts';

/** Resolves when the server has greeted it. */
export async function openLive(url: string, device: string): Promise<Connection> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/live`);
  let waiting: { resolve(body: string): void; reject(error: Error): void } | undefined;
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(error);
      waiting?.reject(error);
    };
    socket.on('error', fail);
    socket.on('close', (code) => fail(new Error(`The socket was closed with ${code}.`)));
    socket.on('open', () => socket.send(JSON.stringify({ type: 'hello', protocol: 'holdfast/1', device })));
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      const end = text.indexOf('\n');
      const { type } = JSON.parse(end < 0 ? text : text.slice(0, end)) as { type: string };
      if (type === 'welcome') resolve();
      else if (type === 'ping') socket.send(JSON.stringify({ type: 'pong' }));
      else if (type === 'answer') waiting?.resolve(text.slice(end + 1));
    });
  });
  return {
    exchange: (body) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.send(`${JSON.stringify({ type: 'exchange', id: 1 })}\n${body}`);
      }),
    end: () => socket.terminate(),
  };
}
