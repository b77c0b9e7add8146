// What a config may say, and how each mistake is told.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLimits, defineSchema } from '@holdfast/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ConfigOptions, defineConfig, loadConfig, withFlags } from './config.ts';
import type { ConfigError } from './config-error.ts';
import { liveBounds } from './realtime/bounds.ts';

const schema = defineSchema({
  version: 1,
  collections: { notes: { kind: 'request', fields: z.object({ text: z.string() }) } },
});

test('defaults: this machine alone, no authentication, the data folder beside the config', () => {
  const config = defineConfig({ schema });
  expect(config).toEqual({
    schema,
    views: [],
    port: 4870,
    host: '127.0.0.1',
    data: './data',
    database: 'holdfast.db',
    auth: 'none',
    keys: [],
    hosts: [],
    protocols: {},
    health: 'full',
    limits: defaultLimits,
    live: liveBounds,
    logLevel: 'info',
    logFiles: false,
  });
  expect(defineConfig(config)).toEqual(config);
});

test('what is given is kept', () => {
  const config = defineConfig({
    schema,
    auth: 'keys',
    hosts: ['Shop.Example.com'],
    corsOrigins: ['https://app.example.com', 'http://localhost:5173'],
    limits: { batchMutationsMax: 10 },
    maxClockDriftMs: 1_000,
    sizeBytesMax: 10_000_000,
    logLevel: 'debug',
  });
  expect(config.hosts).toEqual(['shop.example.com']);
  expect(config.limits).toEqual({ ...defaultLimits, batchMutationsMax: 10, clockDriftMsMax: 1_000 });
  expect(config.sizeBytesMax).toBe(10_000_000);
});

test('a limit that only has to stay within another follows it', () => {
  const { limits } = defineConfig({ schema, limits: { devicesMax: 10 } });
  expect(limits).toMatchObject({ devicesMax: 10, devicesPerKeyMax: 10 });
  const given = { batchMutationsMax: 9_000, answerVerdictsMax: 9_000, groupChangesMax: 9_000 };
  expect(defineConfig({ schema, limits: given }).limits.refusalsPerDeviceMax).toBe(9_000);
  expect(() => defineConfig({ schema, limits: { devicesMax: 10, devicesPerKeyMax: 20 } })).toThrow(
    'devicesMax',
  );
});

test('bounds of live sockets are given one by one; what has to hold a whole message follows the limits', () => {
  const given = { socketsPerDeviceMax: 2, page: { recordsMax: 10 } };
  expect(defineConfig({ schema, live: given }).live).toEqual({
    ...liveBounds,
    socketsPerDeviceMax: 2,
    page: { ...liveBounds.page, recordsMax: 10 },
  });
  const limits = { bodyBytesMax: 100_000_000, bodyInflatedBytesMax: 100_000_000, pageCharsMax: 100_000_000 };
  const { live } = defineConfig({ schema, limits });
  expect([live.incomingBytesMax, live.outgoingBytesMax]).toEqual([100_000_000, 400_000_000]);
});

test.each<[string, object, string]>([
  ['no schema', { schema: undefined }, 'schema'],
  ['a schema of one’s own', { schema: { version: 1 } }, 'schema'],
  ['an unknown option', { prot: 1 }, 'prot'],
  ['a port out of range', { port: 70_000 }, 'port'],
  ['a port as a text', { port: '4870' }, 'port'],
  ['half a port', { port: 1.5 }, 'port'],
  ['an empty host', { host: ' ' }, 'host'],
  ['a data folder that is none', { data: 7 }, 'data'],
  ['an unknown auth', { auth: 'password' }, 'auth'],
  ['a key with a space', { keys: ['one two three'] }, 'keys[0]'],
  ['a key that is soon guessed', { keys: ['long-enough', '1234567'] }, 'keys[1]'],
  ['keys that are no list', { keys: 'long-enough' }, 'keys'],
  ['a first admin without a name', { firstAdmin: '' }, 'firstAdmin'],
  ['hosts that are no list', { hosts: 'shop' }, 'hosts'],
  ['a host with a port', { hosts: ['shop.example.com:443'] }, 'hosts[0]'],
  ['a host with a scheme', { hosts: ['a', 'https://shop.example.com'] }, 'hosts[1]'],
  ['a wildcard origin', { corsOrigins: ['*'] }, 'corsOrigins[0]'],
  ['an origin with a path', { corsOrigins: ['https://app.example.com/x'] }, 'corsOrigins[0]'],
  ['the null origin', { corsOrigins: ['null'] }, 'corsOrigins[0]'],
  ['an unknown limit', { limits: { recordsMax: 1 } }, 'limits.recordsMax'],
  ['a limit of nothing', { limits: { idCharsMax: 0 } }, 'limits.idCharsMax'],
  ['limits that contradict each other', { limits: { recordCharsMax: 100_000_000 } }, 'limits'],
  ['limits that are no object', { limits: 7 }, 'limits'],
  ['an unknown bound of sockets', { live: { socketMax: 1 } }, 'live.socketMax'],
  ['half a socket', { live: { socketsMax: 0.5 } }, 'live.socketsMax'],
  ['an unknown bound of live pages', { live: { page: { bytesMax: 1 } } }, 'live.page.bytesMax'],
  ['live pages that are no object', { live: { page: 7 } }, 'live.page'],
  ['a silence shorter than two pings', { live: { silentMsMax: 30_000 } }, 'live'],
  ['a live page that no socket takes', { live: { unsentBytesMax: 65_535 } }, 'live'],
  ['a hello without room for a key', { live: { helloBytesMax: 100 } }, 'live'],
  ['no room for the messages of a return', { live: { subscriptionsMax: 500 } }, 'live'],
  ['a ping that no timer holds', { live: { pingMs: 3e9, silentMsMax: 9e9 } }, 'live'],
  ['no room for one batch', { live: { incomingBytesMax: 1_000 } }, 'live'],
  ['no room for one answer', { live: { outgoingBytesMax: 1_000 } }, 'live'],
  ['a tiny database', { sizeBytesMax: 10 }, 'sizeBytesMax'],
  ['an unknown log level', { logLevel: 'loud' }, 'logLevel'],
  ['log files by a word', { logFiles: 'yes' }, 'logFiles'],
])('%s is refused, by name', (_, options, field) => {
  const define = (): unknown => defineConfig({ schema, ...options } as ConfigOptions);
  expect(define).toThrow(expect.objectContaining({ name: 'ConfigError', code: 'config_invalid', field }));
});

test('flags go before the file', () => {
  const config = defineConfig({ schema, port: 1, host: '0.0.0.0' });
  const flagged = withFlags(config, { port: '8080', host: '127.0.0.1', data: 'elsewhere' });
  expect(flagged).toMatchObject({ port: 8080, host: '127.0.0.1', data: join(process.cwd(), 'elsewhere') });
  expect(withFlags(config, {})).toEqual(config);
  for (const port of ['x', '-1', '1e3', '99999', ''])
    expect(() => withFlags(config, { port }), port).toThrow(expect.objectContaining({ field: 'port' }));
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  // As npm would: so that a config there finds the package by its name.
  await mkdir(join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const core = JSON.stringify(import.meta.resolve('@holdfast/core'));
const own = JSON.stringify(new URL('./index.ts', import.meta.url).href);
const head = `import { defineConfig, defineSchema, z } from ${own};\nconst schema = defineSchema({ version: 1, collections: {} });\n`;

async function load(name: string, text: string): Promise<unknown> {
  const file = join(folder, name);
  await writeFile(file, text);
  return loadConfig(file);
}

test('a file is read with its types, and its data folder lies beside it', async () => {
  const config = await load(
    'good.config.ts',
    `${head}const port: number = 1234;\nexport default defineConfig({ schema, port });\nvoid z;`,
  );
  expect(config).toMatchObject({ port: 1234, data: join(folder, 'data') });
});

test.each([
  ['missing', undefined, 'config_missing', undefined, /no config file/],
  // Here the test runner reads the file, and names the line as it likes; serve.test.ts sees what Node says.
  [
    'a syntax error',
    'export default {\n  port: ;\n};\n',
    'config_broken',
    undefined,
    /config\.ts(, line 2)?: /,
  ],
  ['nothing that is exported', 'const port = 1;\nvoid port;\n', 'config_broken', undefined, /default export/],
  ['no default export', `${head}export const config = 1;`, 'config_broken', undefined, /default export/],
  [
    'a wrong option',
    `${head}export default defineConfig({ schema, port: -1 });`,
    'config_invalid',
    'port',
    /port/,
  ],
  [
    'a wrong option, without defineConfig',
    `${head}export default { schema, auth: 'x' };`,
    'config_invalid',
    'auth',
    /auth/,
  ],
  [
    'a wrong schema',
    `import { defineSchema } from ${core};\nexport default defineSchema({ version: 0, collections: {} });`,
    'config_broken',
    undefined,
    /config\.ts, line 2: .*version/,
  ],
  [
    'an unknown module',
    "import 'no-such-module';\nexport default {};",
    'config_broken',
    undefined,
    /no-such-module/,
  ],
])('%s is told in one line', async (name, text, code, field, message) => {
  const file = `${name.replaceAll(/\W+/g, '-')}.config.ts`;
  const error = (await (text === undefined ? loadConfig(join(folder, file)) : load(file, text)).catch(
    (thrown: unknown) => thrown,
  )) as ConfigError;
  expect(error).toMatchObject({ name: 'ConfigError', code, field });
  expect(error.message).toMatch(message);
  expect(error.message.split('\n')).toHaveLength(1);
  expect(error.help).not.toBe('');
});
