// The search on this machine's loopback: beacons that a test sends, and a responder of multicast DNS on a port of its own.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import multicastDns from 'multicast-dns';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { discover } from './discover.ts';
import type { FoundServer } from './found-server.ts';

let ends: (() => unknown)[];
let sender: Socket;
let beaconPort: number;

beforeEach(async () => {
  ends = [];
  sender = await openSocket();
  const free = await openSocket();
  beaconPort = free.address().port;
  free.close();
  ends.pop();
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
});

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  ends.push(() => socket.close());
  return socket;
}

/** Sends these over and over until the search has ended: a datagram that comes before it listens is lost. */
async function sending<Result>(
  search: Promise<Result>,
  datagrams: readonly (string | Buffer)[],
): Promise<Result> {
  let ended = false;
  const result = search.finally(() => {
    ended = true;
  });
  const sent = (async () => {
    while (!ended) {
      for (const datagram of datagrams)
        await new Promise((resolve) => sender.send(datagram, beaconPort, '127.0.0.1', resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const [answer] = await Promise.all([result, sent]);
  return answer;
}

const beacon = (more: object) =>
  JSON.stringify({ serverIP: '203.0.113.66', port: 5_000, name: 'Master', version: '1', ...more });

test('servers are found by their beacons, each once, at the address that sends', async () => {
  const found: FoundServer[] = [];
  const search = discover({
    ...{ beaconPort, dnsSd: false, serversMax: 2, timeoutMs: 30_000 },
    found: (server) => found.push(server),
  });
  const servers = await sending(search, [beacon({}), beacon({}), beacon({ port: 5_001, name: 'Other' })]);
  expect(servers).toEqual([
    { name: 'Master', url: 'http://127.0.0.1:5000', host: '127.0.0.1', port: 5_000, by: 'beacon' },
    { name: 'Other', url: 'http://127.0.0.1:5001', host: '127.0.0.1', port: 5_001, by: 'beacon' },
  ]);
  expect(found).toEqual(servers);
});

test('whatever else comes to the port is ignored', async () => {
  const search = discover({ beaconPort, dnsSd: false, serversMax: 1, timeoutMs: 30_000 });
  const others = [
    Buffer.from([0xff, 0xfe, 0x7b]),
    '',
    'null',
    '[]',
    '{"name":"Master"',
    beacon({ name: '' }),
    beacon({ name: 7 }),
    beacon({ name: 'x\u001b[2J' }),
    beacon({ name: 'x'.repeat(201) }),
    beacon({ port: '5000' }),
    beacon({ port: 0 }),
    beacon({ port: 65_536 }),
    beacon({ port: 1.5 }),
    beacon({ filler: 'x'.repeat(5_000) }),
  ];
  const [server] = await sending(search, [...others, beacon({ name: 'The one' })]);
  expect(server?.name).toBe('The one');
});

test('servers are found by DNS-SD', async () => {
  const free = await openSocket();
  const port = free.address().port;
  free.close();
  ends.pop();
  const network = { port, ip: '127.0.0.1', multicast: false } as const;
  const responder = multicastDns({ ...network, bind: '127.0.0.1' });
  ends.push(() => new Promise<void>((resolve) => responder.destroy(resolve)));
  const instance = 'Bar 3f9a._holdfast._tcp.local';
  responder.on('query', (_, from) =>
    responder.respond(
      {
        answers: [
          { type: 'PTR', ttl: 10, name: '_http._tcp.local', data: 'Printer._http._tcp.local' },
          { type: 'PTR', ttl: 0, name: '_holdfast._tcp.local', data: 'gone._holdfast._tcp.local' },
          { type: 'PTR', ttl: 10, name: '_holdfast._tcp.local', data: 'portless._holdfast._tcp.local' },
          { type: 'PTR', ttl: 10, name: '_holdfast._tcp.local', data: instance },
        ],
        additionals: [
          { type: 'SRV', name: 'gone._holdfast._tcp.local', data: { port: 1, target: 'gone.local' } },
          { type: 'SRV', name: instance, data: { port: 4_870, target: 'elsewhere.local' } },
          { type: 'TXT', name: instance, data: ['version=1', 'name=Bar at St. Pauli'] },
          { type: 'A', name: 'elsewhere.local', data: '203.0.113.66' },
        ],
      },
      from,
    ),
  );
  await once(responder, 'ready');
  const dnsSd = { port, address: '127.0.0.1' };
  expect(await discover({ beaconPort: null, dnsSd, serversMax: 1, timeoutMs: 30_000 })).toEqual([
    { name: 'Bar at St. Pauli', url: 'http://127.0.0.1:4870', host: '127.0.0.1', port: 4_870, by: 'dns-sd' },
  ]);
});

test('a search that finds nobody ends by its time', async () => {
  expect(await discover({ beaconPort, dnsSd: false, timeoutMs: 1 })).toEqual([]);
});

test('a search is ended by its signal, before it begins and after', async () => {
  const reason = new Error('Enough.');
  await expect(discover({ beaconPort, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const controller = new AbortController();
  const search = discover({ beaconPort, dnsSd: false, signal: controller.signal });
  controller.abort(reason);
  await expect(search).rejects.toBe(reason);
  // The port is free again.
  const next = createSocket('udp4');
  next.bind(beaconPort);
  await once(next, 'listening');
  next.close();
});

test('a search that no way is open to says why', async () => {
  const taken = createSocket('udp4');
  taken.bind(beaconPort);
  await once(taken, 'listening');
  ends.push(() => taken.close());
  await expect(discover({ beaconPort, dnsSd: false })).rejects.toMatchObject({
    errors: [{ code: 'EADDRINUSE' }],
  });
});
