// A bare connection that posts exchanges, one at a time. Far cheaper than a client for the whole of HTTP, so the server is what is
// measured.

import { connect } from 'node:net';
import type { Connection } from './writer.ts';

export async function openPoster(url: string): Promise<Connection> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let text = '';
  let waiting: { resolve(body: string): void; reject(error: Error): void } | undefined;
  socket.setEncoding('latin1');
  socket.on('error', (error) => waiting?.reject(error));
  socket.on('close', () => waiting?.reject(new Error('The connection was closed.')));
  socket.on('data', (chunk: string) => {
    text += chunk;
    const head = text.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
    if (!text.startsWith('HTTP/1.1 200') || Number.isNaN(length)) waiting?.reject(new Error(text));
    else if (text.length >= head + 4 + length) {
      const body = text.slice(head + 4, head + 4 + length);
      text = '';
      waiting?.resolve(body);
    }
  });
  return {
    exchange: (body) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(
          `POST /v1/exchange HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        );
      }),
    end: () => socket.destroy(),
  };
}
