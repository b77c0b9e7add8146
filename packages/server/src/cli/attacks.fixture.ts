// A server with every protocol mounted that asks for tokens, users of it and another issuer; and for each protocol the requests by which
// it is attacked: one that writes a record, one that reads all.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoredRecord } from '@holdfast/core';
import { defaultLimits } from '@holdfast/core';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { z } from 'zod';
import { systemClock, systemRandom } from '../clock.ts';
import { composeServer } from '../compose.ts';
import { defineConfig } from '../config.ts';
import { sha256 } from '../digest.ts';
import { createIdentity } from '../identity/identity.ts';
import { type OwnTokensDeps, rotateSigningKeys } from '../identity/own-tokens.ts';
import { addUser } from '../identity/users.ts';
import { scopeOf } from '../protocols/documents/translate.ts';
import hardCases from './hard-cases.fixture.config.ts';

export interface Sent {
  method: 'GET' | 'POST' | 'OPTIONS';
  path: string;
  headers?: Record<string, string>;
  body?: object;
}

/** What is written: an id and fields, both of whatever kind an attack wants. */
export interface Written {
  id: unknown;
  fields?: Record<string, unknown>;
  device?: string;
  /** The collection, as the wire names it. */
  named?: string;
}

export interface Target {
  prefix: string;
  /** Where the record of a write comes to lie. */
  place: { scope: string; collection: string };
  write(written: Written): Sent;
  read(device?: string): Sent;
  /** The protocol's shape of errors. */
  error: z.ZodType;
  /** Routes that ask for no credential, by method and path behind the prefix. */
  open: readonly string[];
  /** A socket for a device. */
  socket?: string;
  /** What a server says on that socket, which a device has no business to say. */
  forged?: readonly string[];
}

const now = (): string => new Date().toISOString();
const post = (path: string, body: object, headers = {}): Sent => ({ method: 'POST', path, headers, body });

const native: Target = {
  prefix: '/v1',
  place: { scope: 'main', collection: 'orders' },
  write: ({ id, fields = {}, device = 'd1', named = 'orders' }) => {
    const change = { type: 'put', collection: named, id, body: fields };
    const made = { wall: Date.now(), mono: 0, session: 's', offset: 0, seen: 0 };
    const mutation = { id: randomUUID(), schema: 1, made, changes: [change] };
    return exchange(device, { batch: { n: Date.now(), mutations: [mutation] } });
  },
  read: (device = 'd2') => exchange(device, {}),
  error: z.object({ protocol: z.literal('holdfast/1'), error: z.object({ code: z.string() }) }),
  open: ['post /enrol', 'get /live'],
  socket: '/v1/live',
  forged: [
    '{"type":"page","scope":"main","seq":9000000000}',
    '{"type":"verdicts","scope":"main"}',
    '{"type":"__proto__"}',
  ],
};

function exchange(device: string, parts: object): Sent {
  return post('/v1/exchange', {
    ...{ protocol: 'holdfast/1', device, replica: randomUUID(), scope: 'main', checkpoint: null, schema: 1 },
    ...{ clock: { wall: Date.now(), mono: 0, session: 's' }, verdictsSeen: 0, seqSeen: 0 },
    ...parts,
  });
}

const envelope = z.object({ success: z.literal(false) });

const hims: Target = {
  prefix: '/hims',
  place: { scope: 'main', collection: 'purchases' },
  write: ({ id: uuid, fields = {}, device: deviceUuid = 'd1', named = 'purchases' }) =>
    post('/hims/sync/push', {
      deviceUuid,
      data: { [named]: [{ uuid, last_modified: now(), is_synced: 0, ...fields }] },
    }),
  read: (deviceUuid = 'd2') => post('/hims/sync/pull', { deviceUuid, tables: ['purchases'] }),
  error: envelope.extend({ message: z.string() }),
  open: ['get /ping'],
};

const pos: Target = {
  prefix: '/pos',
  place: { scope: 'main', collection: 'orders' },
  write: ({ id: localId, fields = {}, device: deviceId = 'd1', named = 'orders' }) => {
    const order = {
      order: { total: 5, ...fields },
      localId,
      syncStatus: 'PENDING',
      syncVersion: 1,
      deviceId,
    };
    return post('/pos/api/sync/batch', { deviceId, orders: [], transactions: [], [named]: [order] });
  },
  read: (deviceId = 'd2') => ({ method: 'GET', path: `/pos/api/sync/updates?deviceId=${deviceId}&since=0` }),
  error: envelope.extend({ message: z.string() }),
  open: [],
};

const documents: Target = {
  prefix: '/documents',
  place: { scope: scopeOf('ann'), collection: 'appointments' },
  write: ({ id, fields = {}, device: deviceId = 'd1', named: collection = 'appointments' }) => {
    const data = { collection, document: { id, ...fields }, timestamp: Date.now() };
    const changes = [{ type: 'DATA_UPDATE', data, userId: 'ann', deviceId }];
    return post('/documents/api/sync/ann', { changes }, { 'device-id': deviceId });
  },
  read: (device = 'd2') => ({
    method: 'GET',
    path: '/documents/api/sync/ann?since=0',
    headers: { 'device-id': device },
  }),
  error: envelope.extend({ error: z.string() }),
  open: ['get /health', 'get /sync'],
  socket: '/documents/sync?userId=ann&deviceId=d3',
  forged: [
    '{"type":"FULL_SYNC","data":{"appointments":[]}}',
    '{"type":"ACK","messageId":"m"}',
    '{"type":"__proto__","userId":"bob"}',
  ],
};

const crm: Target = {
  prefix: '/crm',
  place: { scope: 'main', collection: 'customers' },
  write: ({ id: customer_id, fields = {}, device: deviceId = 'd1', named = 'customers' }) => {
    const record = { customer_id, updated_at: now(), ...fields };
    return post('/crm/api/sync/push', { deviceId, changes: { [named]: [record] } });
  },
  read: (deviceId = 'd2') => post('/crm/api/sync/pull', { deviceId }),
  error: envelope.extend({ error: z.string() }),
  open: ['post /api/auth/login'],
};

const terminal: Target = {
  prefix: '/terminal',
  place: { scope: 'main', collection: 'customers' },
  write: ({ id: entityId, fields = {}, device: terminalId = 'd1', named: entityType = 'SaleOrder' }) => {
    const data = { updatedAt: now(), ...fields };
    const changes = [{ entityType, entityId, operation: 'CREATE', data, syncVersion: 1 }];
    return post('/terminal/api/sync/push', { terminalId, changes });
  },
  read: (terminalId = 'd2') => ({
    method: 'GET',
    path: `/terminal/api/sync/pull?terminalId=${terminalId}&entityType=SaleOrder`,
  }),
  error: envelope.extend({ error: z.string() }),
  open: ['get /socket.io/', 'post /socket.io/'],
  socket: '/terminal/socket.io/?EIO=4&transport=websocket',
  forged: ['42["sync:trigger",{"type":"FULL","terminalId":"d1"}]', '42["__proto__",{}]', '0{"sid":"x"}', '4'],
};

/** Each protocol that the config of the cases mounts has its column, and the native one. */
export const targets: Readonly<Record<string, Target>> = { native, hims, pos, documents, crm, terminal };

export type Who = 'ann' | 'bob' | 'kim';

export interface Attacked {
  url: string;
  /** Of users: ann is admin, bob has another scope, kim reads. */
  tokens: Record<Who, string>;
  issuer: Issuer;
  stored(target: Target, id: string): Promise<StoredRecord | undefined>;
  /** How many commits there are, and how many entries of the audit log. */
  marks(): Promise<{ commits: number; audit: number }>;
  rotate(): Promise<void>;
  login(who: Who): Promise<string>;
  close(): Promise<void>;
}

export interface Issuer {
  url: string;
  /** The public key, as PEM. */
  pem: string;
  asked(): number;
  /** What it answers from now on; null: its keys. */
  say(answer: { status: number; text: string } | null): void;
  sign(claims: object, header?: object): Promise<string>;
}

const password = 'correct horse';

export const protocols = {
  ...hardCases.protocols,
  terminal: { prefix: '/terminal', collections: { SaleOrder: { collection: 'customers' } } },
};

export async function startAttacked(clock = systemClock): Promise<Attacked> {
  const data = mkdtempSync(join(tmpdir(), 'holdfast-attacked-'));
  const { issuer, end } = await startIssuer();
  const jwt = { jwksUrl: issuer.url, issuer: 'https://login.example', audience: 'holdfast' };
  const config = defineConfig({ ...hardCases, protocols, data, port: 0, auth: 'jwt', jwt });
  const server = composeServer(config, { clock, log: pino({ level: 'silent' }) });
  const { url, store, engine } = await server.start();
  const deps: OwnTokensDeps & { sha256: typeof sha256 } = {
    ...{ store, clock, sha256, random: systemRandom },
  };
  const scopes = ['main', scopeOf('ann')];
  await addUser(deps, { name: 'ann', password, role: 'admin', actor: 'test' });
  await addUser(deps, { name: 'bob', password, role: 'user', scopes: ['elsewhere'], actor: 'test' });
  await addUser(deps, { name: 'kim', password, role: 'viewer', scopes, actor: 'test' });
  const identity = createIdentity({ ...deps, store, limits: defaultLimits, auth: 'jwt' });
  const login = async (name: Who): Promise<string> =>
    (await identity.login({ name, password, address: '' })).token;
  return {
    url,
    tokens: { ann: await login('ann'), bob: await login('bob'), kim: await login('kim') },
    issuer,
    login,
    async stored({ place: { scope, collection } }, id) {
      const [found] = await store.read((snapshot) => snapshot.records(scope, [{ collection, id }]));
      return found;
    },
    async marks() {
      const { commits } = await engine.inspect.counts();
      const [newest] = await store.read((snapshot) => snapshot.audit({ max: 1 }));
      return { commits, audit: newest?.place ?? 0 };
    },
    rotate: async () => void (await rotateSigningKeys(deps, { actor: 'test' })),
    async close() {
      await server.stop();
      end();
      rmSync(data, { recursive: true });
    },
  };
}

async function startIssuer(): Promise<{ issuer: Issuer; end: () => void }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] });
  let asked = 0;
  let answer: { status: number; text: string } | null = null;
  const server: Server = createServer((_, response) => {
    asked += 1;
    const { status, text } = answer ?? { status: 200, text: keys };
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    pem: await exportSPKI(publicKey),
    asked: () => asked,
    say: (next) => {
      answer = next;
    },
    sign: (claims, header = {}) =>
      new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'k1', ...header })
        .sign(privateKey),
  };
  return {
    issuer,
    end: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
