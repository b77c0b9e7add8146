// Attacks on what reads a request: names, JSON, bodies, and the pages that a browser lets send them.

import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { type At, type Attack, createSend, expectRefused, newId } from './attack.fixture.ts';
import { type Sent, startAttacked } from './attacks.fixture.ts';

/** A write whose JSON has `raw` where a field's value stands. */
function writeRaw({ target }: Pick<At, 'target'>, raw: string, id: string = newId()): [Sent, string, string] {
  const sent = target.write({ id, fields: { name: 'HERE' } });
  return [sent, JSON.stringify(sent.body).replace('"HERE"', () => raw), id];
}

/** Each is refused as a whole, or by its item; none is stored. */
async function expectNoneStored(at: At, raws: readonly string[]): Promise<void> {
  for (const raw of raws) {
    const [sent, text, id] = writeRaw(at, raw);
    const answer = await at.send(sent, { text });
    expect(answer.status, `${raw.slice(0, 40)}: ${answer.text.slice(0, 200)}`).toBeLessThan(500);
    if (answer.status !== 200) expectRefused(at.target, answer, [400, 413], raw.slice(0, 40));
    expect(await at.server.stored(at.target, id), raw.slice(0, 40)).toBeUndefined();
  }
}

const oddNames = [
  'orders"; DROP TABLE hf_records;--',
  'a" , "b',
  'x) VALUES(1);--',
  'with space',
  'select',
  'x'.repeat(65),
  'sqlite_master',
  'pg_shadow',
  'hf_records',
  '__proto__',
];

const oddIds = [
  ...["' OR 1=1--", '%', '_', '\\', '1;select pg_sleep(5)', '../../etc/passwd', '__proto__', 'constructor'],
  ...['\u2028', '\u202eabc', 'Zo\u00eb', 'Zoe\u0308', '<img src=x onerror=alert(1)>', '=HYPERLINK("x")'],
];

export const attacksOnContent: readonly Attack[] = [
  {
    number: 37,
    what: 'collections and fields named as SQL are names, or refused',
    writes: true,
    async run(at) {
      const { target, send, server } = at;
      const id = newId();
      await send(target.write({ id, fields: { name: 'Tea' } }));
      for (const named of oddNames)
        expect((await send(target.write({ id: newId(), named }))).status, named).toBeLessThan(500);
      const strange = Object.fromEntries(
        oddNames.filter((name) => name !== '__proto__').map((name) => [name, 1]),
      );
      await send(target.write({ id: newId(), fields: { ...strange, rowid: 1, ctid: 1 } }));
      expect(await server.stored(target, id)).toBeDefined();
    },
  },
  {
    number: 38,
    what: 'ids are kept to the letter, and limits and cursors are numbers or refused',
    writes: true,
    async run({ target, send, server }) {
      for (const id of oddIds) {
        const { status } = await send(target.write({ id }));
        expect(status, id).toBeLessThan(500);
        const stored = await server.stored(target, id);
        if (stored) expect(stored.id).toBe(id);
      }
      const { path, body, ...rest } = target.read();
      for (const value of ['-1', '1e9', 'NaN', '1;select pg_sleep(5)', "' OR 1=1--"]) {
        const more = `limit=${encodeURIComponent(value)}&cursor=${encodeURIComponent(value)}`;
        const asked: Sent = { ...rest, path: `${path}${path.includes('?') ? '&' : '?'}${more}` };
        if (body) asked.body = { ...body, limit: value, since: value, checkpoint: value };
        expect([200, 400], value).toContain((await send(asked)).status);
      }
    },
  },
  {
    number: 39,
    what: 'objects of operators are no ids and no cursors',
    async run({ target, send }) {
      for (const id of [{ $ne: null }, { $gt: '' }, ['a'], { toString: 'x' }]) {
        const { status } = await send(target.write({ id }));
        expect(status).toBeLessThan(500);
      }
      const { path, body, ...rest } = target.read();
      const query = `${path}${path.includes('?') ? '&' : '?'}filter[name][$gt]=&since[$ne]=1`;
      expect([200, 400]).toContain((await send({ ...rest, path: query, ...(body ? { body } : {}) })).status);
    },
  },
  {
    number: 40,
    what: 'keys of prototypes change no prototype',
    async run(at) {
      const keys = ['__proto__', 'constructor', 'prototype', '\\u005f_proto__'];
      const raws = keys.flatMap((key) => [
        `{"${key}":{"polluted":1}}`,
        `[{"a":{"${key}":{}}}]`,
        `"x","${key}":1`,
      ]);
      await expectNoneStored(at, raws);
      for (const key of keys) {
        const sent = at.target.write({ id: newId() });
        const text = JSON.stringify(sent.body).replace('{', () => `{"${key}":{"polluted":1},`);
        expectRefused(at.target, await at.send(sent, { text }), [400], key);
      }
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    },
  },
  {
    number: 41,
    what: 'a key that stands twice',
    async run(at) {
      const { target, send } = at;
      await expectNoneStored(at, ['1,"name":2', '{"role":"user","role":"admin"}']);
      const sent = target.write({ id: newId() });
      const [first = ''] = Object.keys(sent.body ?? {});
      const text = JSON.stringify(sent.body).replace('{', () => `{"${first}":"twice",`);
      expectRefused(target, await send(sent, { text }), [400]);
    },
  },
  {
    number: 42,
    what: 'numbers that not every store holds',
    run: (at) =>
      expectNoneStored(at, [
        '9007199254740993',
        '1e400',
        '9'.repeat(10_000),
        '0.1000000000000000055',
        '01',
        'NaN',
        '1.',
      ]),
  },
  {
    number: 43,
    what: 'strings that not every store holds; the others are kept to the letter',
    writes: true,
    async run(at) {
      const { target, send, server } = at;
      await expectNoneStored(at, ['"a\\u0000"', '"\\ud800"', '"\\udc00\\ud800"']);
      const [sent, text, id] = writeRaw(at, '"x"');
      const bytes = Buffer.from(text);
      const place = bytes.indexOf('"x"') + 1;
      for (const bad of [0x00, 0x80, 0xff, 0xc0]) {
        bytes[place] = bad;
        expectRefused(target, await send(sent, { text: bytes }), [400], `byte ${bad}`);
      }
      expect(await server.stored(target, id)).toBeUndefined();
      for (const name of ['Zo\u00eb', 'Zoe\u0308', '\u2028', '\u202eabc']) {
        const one = newId();
        await send(target.write({ id: one, fields: { name } }));
        expect((await server.stored(target, one))?.body).toContain(JSON.stringify(name).slice(1, -1));
      }
    },
  },
  {
    number: 44,
    what: 'deep and wide JSON',
    async run(at) {
      const { target, send } = at;
      const many = Array.from({ length: 120_000 }, (_, n) => `"k${n}":1`).join(',');
      await expectNoneStored(at, [`${'{"a":'.repeat(500)}1${'}'.repeat(500)}`, `{${many}}`]);
      const sent = target.write({ id: newId() });
      for (const text of ['['.repeat(100_000), `[${'0,'.repeat(3_000_000)}0]`])
        expectRefused(target, await send(sent, { text }), [400, 413]);
    },
  },
  {
    number: 45,
    what: 'one type in the place of another',
    async run({ target, send }) {
      const sent = target.write({ id: newId(), fields: { name: 'Tea' } });
      const { body = {} } = sent;
      for (const text of ['[]', 'true', '1', '"text"', 'null', ''])
        expectRefused(target, await send(sent, { text }), [400], text);
      const parts = Object.entries(body).filter(([, value]) => typeof value === 'object' && value !== null);
      for (const [name] of parts)
        for (const value of [true, 7, 'text', { length: 1e9 }])
          expect((await send({ ...sent, body: { ...body, [name]: value } })).status, name).toBe(400);
      for (const id of [true, 7, 1.5, [], {}, null]) {
        const { status } = await send(target.write({ id }));
        expect(status).toBeLessThan(500);
      }
    },
  },
  {
    number: 46,
    what: 'media types that no form of a page could not send',
    async run({ target, send }) {
      const types = [
        ...[
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          'text/json',
        ],
        ...[
          'application/json; charset=utf-7',
          'application/json; charset=utf-16',
          'application/json, text/plain',
        ],
      ];
      for (const type of types) {
        const headers = { 'content-type': type };
        expectRefused(target, await send(target.write({ id: newId() }), { headers }), [415], type);
      }
    },
  },
  {
    number: 51,
    what: 'a body without an end, or with one far away',
    async run(at) {
      const length = await sendRaw(at, ['content-length: 2000000000'], 'x'.repeat(1_000));
      expect(length).toMatch(/^HTTP\/1\.1 413 /);
      expectRefused(at.target, { status: 413, text: bodyOf(length) }, [413]);
      const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
      const endless = await sendRaw(at, ['transfer-encoding: chunked'], chunk.repeat(600));
      expect(endless).toMatch(/^HTTP\/1\.1 413 |^$/);
    },
  },
  {
    number: 52,
    what: 'a small body that becomes a large one',
    async run({ target, send }) {
      const text = gzipSync(Buffer.alloc(20_000_000, ' '));
      const headers = { 'content-encoding': 'gzip' };
      expectRefused(target, await send(target.write({ id: newId() }), { text, headers }), [413]);
    },
  },
  {
    number: 53,
    what: 'other encodings, and one in the other',
    async run({ target, send }) {
      const sent = target.write({ id: newId() });
      const plain = JSON.stringify(sent.body);
      const encoded: [string, Buffer][] = [
        ['gzip, gzip', gzipSync(gzipSync(plain))],
        ['br', brotliCompressSync(plain)],
        ['deflate', deflateSync(plain)],
        ['zstd', Buffer.from(plain)],
        ['x-gzip', gzipSync(plain)],
      ];
      for (const [encoding, text] of encoded) {
        const headers = { 'content-encoding': encoding };
        expectRefused(target, await send(sent, { text, headers }), [415], encoding);
      }
    },
  },
  {
    number: 54,
    what: 'a length that lies, and a stream that is cut',
    async run(at) {
      const { target, send } = at;
      const sent = target.write({ id: newId() });
      const plain = JSON.stringify(sent.body);
      const text = gzipSync(plain).subarray(0, 40);
      expectRefused(target, await send(sent, { text, headers: { 'content-encoding': 'gzip' } }), [400]);
      const short = await sendRaw(at, [`content-length: ${Buffer.byteLength(plain) - 5}`], plain);
      expect(short).toMatch(/^HTTP\/1\.1 400 /);
      // One that never comes whole is no request.
      await sendRaw(at, [`content-length: ${Buffer.byteLength(plain) + 5}`], plain, { end: true });
    },
  },
  {
    number: 57,
    what: 'a device that asks without a pause is told when to come again',
    not: { native: 'it counts requests by address alone, shown by http/mounted.test.ts' },
    async run({ target }) {
      // All within one second, however slow the machine is.
      const flooded = await startAttacked({ wallMs: Date.now, monoMs: () => 5_000 });
      try {
        const send = createSend(flooded);
        const allowed = await Promise.all(Array.from({ length: 300 }, () => send(target.read('flood'))));
        expect(new Set(allowed.map(({ status }) => status))).toEqual(new Set([200]));
        const refused = await send(target.read('flood'));
        expectRefused(target, refused, [429]);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
        expect((await send(target.read('another'))).status).toBe(200);
      } finally {
        await flooded.close();
      }
    },
  },
  {
    number: 79,
    what: 'what a page of another site can send without asking: nothing comes of it',
    async run({ target, send, server }) {
      const sent = target.write({ id: newId() });
      for (const headers of [
        { 'content-type': 'text/plain' },
        { 'content-type': 'application/x-www-form-urlencoded' },
      ])
        for (const token of [undefined, null]) {
          const { status } = await send(sent, { headers, ...(token === null ? { token } : {}) });
          expect([401, 415]).toContain(status);
        }
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        const headers = { authorization: `Bearer ${server.tokens.ann}` };
        const { status } = await fetch(`${server.url}${sent.path}`, { method, headers });
        expect([200, 204, 400, 404, 405], method).toContain(status);
      }
    },
  },
  {
    number: 80,
    what: 'a page of another site reads no answer',
    not: { hims: 'any page may call it, by its contract, without credentials of the browser' },
    async run({ target, send }) {
      for (const origin of evilOrigins) {
        const headers = { origin };
        const answer = await send(target.read(), { headers });
        expectRefused(target, answer, [403], origin);
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        const asking = {
          ...headers,
          'access-control-request-method': 'POST',
          'access-control-request-private-network': 'true',
        };
        const { path } = target.read();
        const preflight = await send({ method: 'OPTIONS', path }, { headers: asking, token: null });
        const allowed = [...preflight.headers.keys()].filter((name) =>
          name.startsWith('access-control-allow'),
        );
        expect(allowed, origin).toEqual([]);
      }
    },
  },
  {
    number: 81,
    what: 'a name that another site gave this machine',
    async run(at) {
      for (const host of [
        'evil.example:8443',
        'localhost.evil.com',
        'evil.example.',
        '[::ffff:8.8.8.8]',
        '',
      ]) {
        const answer = await sendRaw(at, [`host: ${host}`, 'content-length: 2'], '{}');
        expect(answer, host).toMatch(/^HTTP\/1\.1 421 /);
        expectRefused(at.target, { status: 421, text: bodyOf(answer) }, [421], host);
      }
    },
  },
];

export const evilOrigins = [
  'https://evil.example',
  'null',
  'https://localhost.evil.example',
  'HTTPS://EVIL.EXAMPLE',
  'file://',
];

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}

/** The write's request line, ann's token, and these headers; answers all that comes back until the socket closes. */
function sendRaw(
  { server, target }: At,
  headers: readonly string[],
  body: string,
  { end = false } = {},
): Promise<string> {
  const { path, headers: own = {} } = target.write({ id: newId() });
  const { hostname, port } = new URL(server.url);
  const all = [
    `POST ${path} HTTP/1.1`,
    ...(headers.some((line) => line.startsWith('host:')) ? [] : [`host: ${hostname}:${port}`]),
    `authorization: Bearer ${server.tokens.ann}`,
    ...['content-type: application/json', 'connection: close'],
    ...Object.entries(own).map(([name, value]) => `${name}: ${value}`),
    ...headers,
  ];
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${all.join('\r\n')}\r\n\r\n${body}`);
      if (end) socket.end();
    });
    // A server that has said enough cuts who goes on.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on('close', () => resolve(answer));
  });
}
