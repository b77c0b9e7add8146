// Attacks on sockets: who may open one, and what may come over it.

import { createConnection, type Socket } from 'node:net';
import { expect } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import type { At, Attack } from './attack.fixture.ts';
import { evilOrigins } from './attacks-on-content.fixture.ts';

const none = 'it has no socket of its own';
const without = { hims: none, pos: none, crm: none };

export const attacksOnSockets: readonly Attack[] = [
  {
    number: 67,
    what: 'a page of another site opens no socket',
    not: without,
    async run(at) {
      for (const origin of evilOrigins)
        expect([origin, await open(at, { headers: { origin } })]).toEqual([origin, 403]);
    },
  },
  {
    number: 68,
    what: 'who proves nothing is let go',
    not: {
      ...without,
      native: 'its first frame may bring the credential; how long it waits, live.test.ts shows',
      terminal: 'its own handshake brings the credential, shown by its sockets.test.ts',
    },
    async run(at) {
      for (const token of ['', 'x', at.bad[8]?.[0]?.[1] ?? '']) {
        const socket = socketOf(at, { headers: { authorization: `Bearer ${token}` } });
        const [code] = await new Promise<[number]>((done) =>
          socket.on('close', (given: number) => done([given])),
        );
        expect([4401, 1006]).toContain(code);
      }
    },
  },
  {
    number: 69,
    what: 'a frame that says that it is huge',
    not: without,
    async run(at) {
      const length = Buffer.alloc(8);
      length.writeBigUInt64BE(200_000_000n);
      const frame = Buffer.concat([Buffer.from([0x81, 0xff]), length, Buffer.alloc(4)]);
      expect(await closeCodeAfter(at, frame)).toBe(1009);
    },
  },
  {
    number: 70,
    what: 'compression is not agreed on',
    not: without,
    async run(at) {
      const socket = socketOf(at, { perMessageDeflate: true });
      await new Promise((done) => socket.on('open', done));
      expect(socket.extensions).toBe('');
      socket.terminate();
    },
  },
  {
    number: 71,
    what: 'frames that break the protocol of sockets',
    not: without,
    async run(at) {
      const masked = (first: number, payload: readonly number[]): Buffer =>
        Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0, ...payload]);
      const frames: [string, Buffer, number][] = [
        ['unmasked', Buffer.from([0x81, 2, 0x68, 0x69]), 1002],
        ['a reserved bit', masked(0xc1, [0x68]), 1002],
        ['a reserved opcode', masked(0x83, [0x68]), 1002],
        ['no UTF-8', masked(0x81, [0xff, 0xfe]), 1007],
        [
          'a long ping',
          Buffer.concat([Buffer.from([0x89, 0xfe, 0, 126, 0, 0, 0, 0]), Buffer.alloc(126)]),
          1002,
        ],
        ['a ping in parts', masked(0x09, [0x68]), 1002],
        ['a close of 1005', masked(0x88, [0x03, 0xed]), 1002],
      ];
      for (const [what, frame, code] of frames)
        expect([what, await closeCodeAfter(at, frame)]).toEqual([what, code]);
    },
  },
  {
    number: 76,
    what: 'what only a server says, said by a device',
    not: without,
    async run(at) {
      const { target, send } = at;
      for (const forged of target.forged ?? []) {
        const socket = socketOf(at);
        await new Promise((done) => socket.on('open', done));
        socket.send(forged);
        // Whatever it answers, it has read it by then.
        await new Promise((done) => {
          socket.once('pong', done);
          socket.once('close', done);
          socket.ping();
        });
        socket.terminate();
        expect((await send(target.read())).status).toBe(200);
      }
    },
  },
];

function socketOf({ server, target }: At, options: ClientOptions = {}): WebSocket {
  const headers = { authorization: `Bearer ${server.tokens.ann}`, ...options.headers };
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}${target.socket}`, {
    ...options,
    headers,
  });
  socket.on('error', () => undefined);
  return socket;
}

/** The status of a refusal; 101 when it opens. */
function open(at: At, options: ClientOptions): Promise<number> {
  const socket = socketOf(at, options);
  return new Promise((done) => {
    socket.on('open', () => {
      socket.terminate();
      done(101);
    });
    socket.on('unexpected-response', (_request, response) => done(response.statusCode ?? 0));
  });
}

/** Opens a socket by hand, sends bytes, and answers the code with which the server closes it. */
function closeCodeAfter({ server, target }: At, bytes: Buffer): Promise<number> {
  const { hostname, port, host } = new URL(server.url);
  return new Promise((done) => {
    let got = Buffer.alloc(0);
    const socket: Socket = createConnection(Number(port), hostname, () => {
      const lines = [
        `GET ${target.socket} HTTP/1.1`,
        `host: ${host}`,
        ...['upgrade: websocket', 'connection: upgrade', 'sec-websocket-version: 13'],
        `sec-websocket-key: ${Buffer.alloc(16).toString('base64')}`,
        `authorization: Bearer ${server.tokens.ann}`,
      ];
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    });
    let sent = false;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (!sent && got.includes('\r\n\r\n')) {
        sent = true;
        got = got.subarray(got.indexOf('\r\n\r\n') + 4);
        socket.write(bytes);
      }
      const code = sent ? closeCodeIn(got) : undefined;
      if (code === undefined) return;
      socket.destroy();
      done(code);
    });
    socket.on('close', () => done(0));
  });
}

/** Of the first close frame among a server's frames, which are not masked. */
function closeCodeIn(bytes: Buffer): number | undefined {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const [head, length] =
      short === 126
        ? [4, bytes.readUInt16BE(at + 2)]
        : short === 127
          ? [10, Number(bytes.readBigUInt64BE(at + 2))]
          : [2, short];
    if (bytes[at] === 0x88 && bytes.length >= at + head + 2) return bytes.readUInt16BE(at + head);
    at += head + length;
  }
  return undefined;
}
