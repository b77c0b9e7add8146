// What a preset says, and what goes before it.

import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { defineConfig, withFlags } from '../config.ts';
import { planMounts } from '../mounts.ts';
import { registry } from '../protocols/registry.ts';
import { key } from './preset.ts';
import { presetNames, presetOptions, presets } from './presets.ts';

test.each(presetNames)('%s is a config that can be served, for the local network', (name) => {
  const config = defineConfig(presetOptions(name, {}));
  const auth = { crm: 'jwt', terminal: 'keys-if-any' }[name as string] ?? 'none';
  expect(config).toMatchObject({ host: '0.0.0.0', auth, data: './data' });
  for (const { prefix } of planMounts(config, registry)) expect(prefix).toBe('');
});

test('the ports are those that clients in the field know', () => {
  expect(presetNames.map((name) => presetOptions(name, {}).port)).toEqual([5000, 3001, 8080, 5001, 4000]);
});

test('the environment goes before the preset, and flags before both', () => {
  const environment = {
    PORT: '5001',
    DISCOVERY_PORT: '9000',
    LOG_LEVEL: 'WARN',
    MAX_SYNC_RECORDS: '50',
    SERVER_PORT: '1',
  };
  const config = defineConfig(presetOptions('hims', environment));
  expect(config).toMatchObject({ port: 5001, logLevel: 'warn', database: 'hims_master.db' });
  expect(config.discovery).toEqual({ name: 'HIMS Master Server', version: '1.0.0', beaconPort: 9000 });
  const flags = { port: 5002, discoveryPort: 9001, host: '127.0.0.1', store: 'sqlite:other.db' };
  expect(withFlags(config, flags)).toMatchObject({
    port: 5002,
    host: '127.0.0.1',
    database: resolve('other.db'),
    protocols: { hims: { prefix: '', options: { maxSyncRecords: 50 } } },
    discovery: { name: 'HIMS Master Server', version: '1.0.0', beaconPort: 9001 },
  });
  expect(withFlags(config, { discovery: false }).discovery).toBeUndefined();
  expect(defineConfig(presetOptions('pos', environment)).port).toBe(1);
});

test('what the environment says of terminals', () => {
  const options = (environment: Record<string, string>) =>
    defineConfig(presetOptions('terminal', environment)).protocols.terminal?.options;
  expect(options({})).toEqual({});
  const environment = {
    CONFLICT_STRATEGY: 'manual_merge',
    AUTO_SYNC_ON_RESTART: 'False',
    SOCKET_AUTH: 'optional',
  };
  expect(options({ ...environment, HEARTBEAT_INTERVAL: '45' })).toEqual({
    conflictStrategy: 'MANUAL_MERGE',
    autoSyncOnRestart: false,
    socketAuth: 'optional',
    heartbeatMs: 45_000,
  });
  const beats = ['30', '30s', '30 S', '30000', '30000ms', '500ms'].map((text) =>
    options({ HEARTBEAT_INTERVAL: text }),
  );
  expect(beats.map((read) => read?.heartbeatMs)).toEqual([30_000, 30_000, 30_000, 30_000, 30_000, 500]);
  expect(defineConfig(presetOptions('terminal', { CENTRAL_API_KEY: 'long-enough' })).keys).toEqual([
    'long-enough',
  ]);
});

test('a variable that is set to nothing is not set', () => {
  expect(presetOptions('hims', { PORT: '', LOG_LEVEL: '  ' })).toEqual(presetOptions('hims', {}));
});

test('a secret turns nothing on, and is there for who does', () => {
  const off = defineConfig(presetOptions('hims', { JWT_SECRET: 'short' }));
  expect(off.auth).toBe('none');
  expect(() => withFlags(off, { auth: 'jwt' })).toThrow(expect.objectContaining({ field: 'jwt.secret' }));
  const secret = 'a secret of more than thirty-two characters';
  const on = withFlags(defineConfig(presetOptions('hims', { JWT_SECRET: secret })), { auth: 'jwt' });
  expect(on).toMatchObject({ auth: 'jwt', jwt: { secret } });
  // Then there are the server's own users alone.
  const own = withFlags(defineConfig(presetOptions('hims', {})), { auth: 'jwt' });
  expect(own).toMatchObject({ auth: 'jwt' });
  expect(own.jwt).toBeUndefined();
});

test('a key of the environment becomes one of the config, and is not quoted when it is none', () => {
  const { config } = presets.pos;
  expect(key(config, 'long-enough', 'KEY').keys).toEqual(['long-enough']);
  expect(() => key(config, 'short', 'KEY')).toThrow(/^(?!.*short).*KEY/);
});

test.each([
  ['hims', { PORT: '70000' }, 'PORT'],
  ['hims', { PORT: '5000x' }, 'PORT'],
  ['hims', { DISCOVERY_PORT: '0' }, 'DISCOVERY_PORT'],
  ['hims', { LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
  ['pos', { DATABASE_URL: 'jdbc:postgresql://db/pos' }, 'store'],
  ['pos', { DATABASE_URL: 'mysql://db/pos' }, 'store'],
  ['terminal', { POSTGRES_URL_REMOTE: 'postgresql://db/shop' }, 'store'],
  ['terminal', { CENTRAL_API_KEY: 'short' }, 'CENTRAL_API_KEY'],
  ['terminal', { CONFLICT_STRATEGY: 'COIN' }, 'CONFLICT_STRATEGY'],
  ['terminal', { HEARTBEAT_INTERVAL: 'often' }, 'HEARTBEAT_INTERVAL'],
  ['terminal', { HEARTBEAT_INTERVAL: '0' }, 'HEARTBEAT_INTERVAL'],
  ['terminal', { AUTO_SYNC_ON_RESTART: 'perhaps' }, 'AUTO_SYNC_ON_RESTART'],
  ['terminal', { SOCKET_AUTH: 'never' }, 'SOCKET_AUTH'],
  ['nobody', {}, 'preset'],
])('%s with %j is refused, by name', (name, environment, field) => {
  expect(() => presetOptions(name, environment)).toThrow(
    expect.objectContaining({ name: 'ConfigError', field }),
  );
});

test('a store that has to wait for a later version is named without what stands in its URL', () => {
  const store = 'postgresql://user:password@db/x';
  const config = defineConfig(presetOptions('documents', {}));
  expect(() => withFlags(config, { store })).toThrow(/^--store: the store on PostgreSQL comes with a later/);
});
