// Bad input over real HTTP, at the composed server with its database in a file: each kind is answered with its code and field,
// changes nothing, and the server goes on.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { composeServer, type HoldfastServer, type Started } from '../compose.ts';
import { defineConfig } from '../config.ts';
import { processParts } from '../open-folder.ts';
import { exchangeOf, idOf, mutationOf, schema } from '../protocols/native/native.fixture.ts';
import { readError } from './app.fixture.ts';

let data: string;
let server: HoldfastServer;
let started: Started;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-bad-input-'));
  const config = defineConfig({
    schema,
    port: 0,
    data,
    logLevel: 'silent',
    limits: { recordCharsMax: 10_000, batchMutationsMax: 50 },
  });
  server = composeServer(config, processParts(config));
  started = await server.start();
  const seed = mutationOf(1, {
    type: 'put',
    collection: 'items',
    id: 'seed',
    body: { name: 'Seed', price: 1 },
  });
  expect((await post(JSON.stringify(exchangeOf({ batch: { n: 1, mutations: [seed] } })))).status).toBe(200);
});
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

interface Sent {
  body?: string | Buffer;
  headers?: Record<string, string>;
  path?: string;
}

async function post(
  body: string | Buffer,
  headers: Record<string, string> = {},
  path = '/v1/exchange',
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${started.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  return { status: response.status, text: await response.text() };
}

const put = { type: 'put', collection: 'items', id: 'i1', body: { name: 'a' } };
const good = JSON.stringify(exchangeOf({ batch: { n: 2, mutations: [mutationOf(2, put)] } }));
const withBody = (text: string): string => good.replace('{"name":"a"}', text);
const change = 'batch.mutations[0].changes[0]';
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const many = (count: number): string => `{${Array.from({ length: count }, (_, n) => `"k${n}":1`).join(',')}}`;

test.each<[string, Sent, { status: number; code: string; field: string | RegExp }]>([
  ['no body', { body: '' }, { status: 400, code: 'json_syntax', field: 'body' }],
  ['half a body', { body: good.slice(0, 200) }, { status: 400, code: 'json_syntax', field: /^batch/ }],
  ['something behind it', { body: `${good}{}` }, { status: 400, code: 'json_syntax', field: 'body' }],
  ['a byte order mark', { body: `\ufeff${good}` }, { status: 400, code: 'json_syntax', field: 'body' }],
  [
    'bytes that are no UTF-8',
    { body: Buffer.from([0x22, 0xff, 0x22]) },
    { status: 400, code: 'json_syntax', field: 'body' },
  ],
  [
    'overlong UTF-8',
    { body: Buffer.from([0x22, 0xc0, 0xaf, 0x22]) },
    { status: 400, code: 'json_syntax', field: 'body' },
  ],
  ['a list', { body: '[]' }, { status: 400, code: 'malformed', field: 'body' }],
  ['deep nesting', { body: withBody(nested(60)) }, { status: 400, code: 'json_too_deep', field: /^batch/ }],
  [
    'very deep nesting',
    { body: '['.repeat(100_000) },
    { status: 400, code: 'json_too_deep', field: /^\[0\]/ },
  ],
  [
    'many keys',
    { body: withBody(many(1_001)) },
    { status: 400, code: 'json_too_many_keys', field: new RegExp(`^${RegExp.escape(change)}\\.body`) },
  ],
  [
    'many values',
    { body: `[${'0,'.repeat(300_000)}0]` },
    { status: 400, code: 'json_too_many_keys', field: /^\[/ },
  ],
  [
    'a key twice',
    { body: withBody('{"name":"a","name":"b"}') },
    { status: 400, code: 'json_duplicate_key', field: `${change}.body.name` },
  ],
  [
    '__proto__ in a record',
    { body: withBody('{"name":"a","__proto__":{"polluted":1}}') },
    { status: 400, code: 'json_forbidden_key', field: `${change}.body.__proto__` },
  ],
  [
    '__proto__ in the envelope',
    { body: good.replace('{', '{"__proto__":{"polluted":1},') },
    { status: 400, code: 'json_forbidden_key', field: '__proto__' },
  ],
  [
    'an escaped __proto__',
    { body: withBody('{"\\u005f_proto__":1}') },
    { status: 400, code: 'json_forbidden_key', field: `${change}.body.__proto__` },
  ],
  [
    'constructor, deep',
    { body: withBody('{"a":[{"constructor":{"prototype":{}}}]}') },
    { status: 400, code: 'json_forbidden_key', field: `${change}.body.a[0].constructor` },
  ],
  [
    'an integer beyond 2^53',
    { body: withBody('{"name":"a","price":9007199254740993}') },
    { status: 400, code: 'json_number', field: `${change}.body.price` },
  ],
  [
    'a number beyond doubles',
    { body: withBody('{"price":1e400}') },
    { status: 400, code: 'json_number', field: `${change}.body.price` },
  ],
  [
    'a number of many digits',
    { body: withBody(`{"price":${'1'.repeat(10_000)}}`) },
    { status: 400, code: 'json_number', field: `${change}.body.price` },
  ],
  [
    'NaN',
    { body: withBody('{"price":NaN}') },
    { status: 400, code: 'json_syntax', field: `${change}.body.price` },
  ],
  [
    'a NUL',
    { body: withBody('{"name":"a\\u0000"}') },
    { status: 400, code: 'json_string', field: `${change}.body.name` },
  ],
  [
    'a lone surrogate',
    { body: withBody('{"name":"\\ud800"}') },
    { status: 400, code: 'json_string', field: `${change}.body.name` },
  ],
  [
    'a wrong type',
    { body: good.replace('"n":2', '"n":"2"') },
    { status: 400, code: 'malformed', field: 'batch.n' },
  ],
  [
    'a number that is none of ours',
    { body: good.replace('"n":2', '"n":1.5') },
    { status: 400, code: 'malformed', field: 'batch.n' },
  ],
  [
    'another protocol',
    { body: good.replace('holdfast/1', 'holdfast/2') },
    { status: 400, code: 'protocol_unknown', field: 'protocol' },
  ],
  [
    'an unknown schema version',
    { body: good.replace('"schema":2,"clock"', '"schema":7,"clock"') },
    { status: 409, code: 'schema_unknown', field: 'schema' },
  ],
  [
    'an unknown schema version of a mutation',
    { body: good.replace('"schema":2,"made"', '"schema":7,"made"') },
    { status: 409, code: 'schema_unknown', field: 'batch.mutations[0].schema' },
  ],
  [
    'a checkpoint of nobody',
    { body: good.replace('"checkpoint":null', '"checkpoint":"x"') },
    { status: 400, code: 'bad_checkpoint', field: 'checkpoint' },
  ],
  [
    'a checkpoint of another database',
    { body: good.replace('"checkpoint":null', '"checkpoint":"other.1.1"') },
    { status: 409, code: 'rolled_back', field: 'checkpoint' },
  ],
  [
    'a batch of many mutations',
    {
      body: JSON.stringify(
        exchangeOf({
          batch: { n: 2, mutations: Array.from({ length: 51 }, (_, n) => mutationOf(n + 2, put)) },
        }),
      ),
    },
    { status: 413, code: 'too_large', field: 'batch.mutations' },
  ],
  [
    'a large body',
    { body: withBody(`{"name":"${'x'.repeat(1_100_000)}"}`) },
    { status: 413, code: 'too_large', field: 'body' },
  ],
  [
    'a body that inflates',
    { body: gzipSync(Buffer.alloc(20_000_000, ' ')), headers: { 'content-encoding': 'gzip' } },
    { status: 413, code: 'too_large', field: 'body' },
  ],
  [
    'a damaged gzip',
    { body: Buffer.from('not gzip'), headers: { 'content-encoding': 'gzip' } },
    { status: 400, code: 'malformed', field: 'body' },
  ],
  [
    'half a gzip',
    { body: gzipSync(good).subarray(0, 100), headers: { 'content-encoding': 'gzip' } },
    { status: 400, code: 'malformed', field: 'body' },
  ],
  [
    'gzip within gzip',
    { body: gzipSync(gzipSync(good)), headers: { 'content-encoding': 'gzip' } },
    { status: 400, code: 'json_syntax', field: 'body' },
  ],
  [
    'stacked encodings',
    { body: gzipSync(gzipSync(good)), headers: { 'content-encoding': 'gzip, gzip' } },
    { status: 415, code: 'unsupported_media', field: 'content-encoding' },
  ],
  [
    'brotli',
    { body: brotliCompressSync(good), headers: { 'content-encoding': 'br' } },
    { status: 415, code: 'unsupported_media', field: 'content-encoding' },
  ],
  [
    'deflate',
    { body: deflateSync(good), headers: { 'content-encoding': 'deflate' } },
    { status: 415, code: 'unsupported_media', field: 'content-encoding' },
  ],
  [
    'x-gzip',
    { body: gzipSync(good), headers: { 'content-encoding': 'x-gzip' } },
    { status: 415, code: 'unsupported_media', field: 'content-encoding' },
  ],
  [
    'plain text',
    { body: good, headers: { 'content-type': 'text/plain' } },
    { status: 415, code: 'unsupported_media', field: 'content-type' },
  ],
  [
    'a form',
    { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    { status: 415, code: 'unsupported_media', field: 'content-type' },
  ],
  [
    'a multipart form',
    { body: good, headers: { 'content-type': 'multipart/form-data; boundary=x' } },
    { status: 415, code: 'unsupported_media', field: 'content-type' },
  ],
  [
    'another charset',
    { body: good, headers: { 'content-type': 'application/json; charset=utf-16' } },
    { status: 415, code: 'unsupported_media', field: 'content-type' },
  ],
  [
    'a strange content type',
    { body: good, headers: { 'content-type': 'application/json, text/plain' } },
    { status: 415, code: 'unsupported_media', field: 'content-type' },
  ],
  ['another path', { body: good, path: '/v1/exchange/x' }, { status: 404, code: 'not_found', field: 'path' }],
  [
    'an enrolment without name',
    { body: '{"protocol":"holdfast/1","code":"x","device":"d"}', path: '/v1/enrol' },
    { status: 400, code: 'malformed', field: 'name' },
  ],
  [
    'a name that moves the cursor',
    { body: '{"protocol":"holdfast/1","code":"x","device":"d","name":"\\u001b[2J"}', path: '/v1/enrol' },
    { status: 400, code: 'malformed', field: 'name' },
  ],
  [
    'an enrolment code of nobody',
    { body: '{"protocol":"holdfast/1","code":"AAAAAAAAAA","device":"d","name":"n"}', path: '/v1/enrol' },
    { status: 403, code: 'enrol_code', field: 'code' },
  ],
])(
  '%s: a clear error, nothing changed, the server alive',
  async (_, { body = '', headers, path }, wanted) => {
    const before = await started.engine.inspect.counts();
    const { status, text } = await post(body, headers, path);
    const error = readError({ statusCode: status, body: text });
    expect(error).toMatchObject({ status: wanted.status, code: wanted.code });
    expect(error.field).toMatch(
      typeof wanted.field === 'string' ? new RegExp(`^${RegExp.escape(wanted.field)}$`) : wanted.field,
    );
    expect(await started.engine.inspect.counts()).toEqual(before);
    expect((await fetch(`${started.url}/readyz`)).status).toBe(200);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  },
);

// What is wrong with one mutation is its verdict, with code and field; no record changes.
let batches = 100;
test.each<[string, object, { code: string; field: string }]>([
  [
    'an unknown collection',
    { ...put, collection: 'sqlite_master' },
    { code: 'collection_unknown', field: 'changes[0].collection' },
  ],
  [
    'a collection that is SQL',
    { ...put, collection: 'items"; DROP TABLE hf_records;--' },
    { code: 'collection_unknown', field: 'changes[0].collection' },
  ],
  ['a wrong type', { ...put, body: { name: 7 } }, { code: 'invalid_record', field: 'changes[0].body.name' }],
  [
    'an operator for a value',
    { ...put, body: { name: { $ne: null } } },
    { code: 'invalid_record', field: 'changes[0].body.name' },
  ],
  ['a missing field', { ...put, body: {} }, { code: 'invalid_record', field: 'changes[0].body.name' }],
  [
    'a wrong type in a patch',
    { type: 'patch', collection: 'items', id: 'seed', base: 1, set: { price: 'dear' } },
    { code: 'invalid_record', field: 'changes[0].set.price' },
  ],
  [
    'an id in the body',
    { ...put, body: { name: 'a', id: 'x' } },
    { code: 'malformed_mutation', field: 'changes[0].body.id' },
  ],
  [
    'a large record',
    { ...put, body: { name: 'x'.repeat(10_000) } },
    { code: 'record_too_large', field: 'changes[0].body' },
  ],
  [
    'a deep record',
    { ...put, body: { name: 'a', more: JSON.parse(nested(33)) } },
    { code: 'malformed_mutation', field: `changes[0].body.more${'.a'.repeat(31)}` },
  ],
  [
    'an increment of no counter',
    { type: 'add', collection: 'items', id: 'seed', amounts: { price: 1 } },
    { code: 'counter_by_add', field: 'changes[0].amounts.price' },
  ],
])('%s: the verdict says so, and no record changes', async (_, bad, wanted) => {
  const before = await started.engine.inspect.counts();
  batches += 1;
  const request = exchangeOf({ limit: 0, batch: { n: batches, mutations: [mutationOf(batches, bad)] } });
  const { status, text } = await post(JSON.stringify(request));
  expect(status).toBe(200);
  const { verdicts } = JSON.parse(text) as { verdicts: { mutation: string }[] };
  expect(verdicts.find(({ mutation }) => mutation === idOf(batches))).toMatchObject({
    verdict: 'rejected',
    ...wanted,
  });
  const after = await started.engine.inspect.counts();
  expect(after.collections).toEqual(before.collections);
  expect(after.commits).toBe(before.commits);
});

test('a clock in 2099 is no error: the arrival stands for it', async () => {
  batches += 1;
  const wall = Date.UTC(2099, 0, 1);
  const made = { wall, mono: 0, session: 'later', offset: 0, seen: wall };
  const mutation = { ...mutationOf(batches, { ...put, id: 'from-2099', body: { name: '2099' } }), made };
  const { status } = await post(JSON.stringify(exchangeOf({ batch: { n: batches, mutations: [mutation] } })));
  expect(status).toBe(200);
  const [record] = await started.engine.inspect.history('shop-1', 'items', 'from-2099', 1);
  expect(record?.madeAt).toBeLessThanOrEqual(Date.now());
});

test('a record named as a prototype key is a record like any other', async () => {
  batches += 1;
  const names = ['__proto__', 'constructor', 'toString', "' OR 1=1--", 'a/b', '..', '\u2028'];
  const mutations = names.map((id, place) =>
    mutationOf(batches * 100 + place, { ...put, id, body: { name: `named ${id}` } }),
  );
  const { text } = await post(JSON.stringify(exchangeOf({ batch: { n: batches, mutations } })));
  const { records } = JSON.parse(text) as { records: { id: string; body: { name: string } }[] };
  for (const id of names)
    expect(records.find((record) => record.id === id)?.body).toEqual({ name: `named ${id}` });
});

test('good input still passes, plain and with one layer of gzip', async () => {
  expect(
    (
      await post(good.replace('"n":2', `"n":${batches + 1}`), {
        'content-type': 'application/json; charset=UTF-8',
      })
    ).status,
  ).toBe(200);
  expect(
    (await post(gzipSync(good.replace('"n":2', `"n":${batches + 2}`)), { 'content-encoding': 'gzip' }))
      .status,
  ).toBe(200);
});
