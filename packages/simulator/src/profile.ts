// What a seed's world is like: how many devices, servers and scopes, how small its bounds. Drawn before anything happens, each part
// from a stream of its own: what is added later moves none of the others.

import { defaultLimits, type Limits } from '@holdfast/core';
import type { Excerpt } from './excerpt.ts';
import type { Stream } from './random.ts';

export type StoreKind = 'memory' | 'sqlite' | 'file';

export interface Profile {
  store: StoreKind;
  /** By name. */
  devices: readonly string[];
  servers: number;
  scopes: readonly string[];
  /** Act one, in virtual milliseconds. */
  faultyMs: number;
  thinkMs: number;
  /** How many records of each collection there are to write to. */
  records: number;
  authenticated: boolean;
  /** Whether devices hear of changes over sockets. */
  live: boolean;
  /** How much of the usual rate faults of single calls have. */
  faultiness: number;
  serverLimits: Limits;
  deviceLimits: Partial<Limits>;
}

/** The stream of one part. */
type Draw = (part: string) => Stream;

/** What `fixed` says is drawn all the same, so that the rest is what it would be without it. */
export function drawProfile(
  stream: (label: string) => Stream,
  fixed: { store?: StoreKind | undefined; excerpt: Excerpt },
): Profile {
  const draw: Draw = (part) => stream(`profile ${part}`);
  const small = drawSmall(draw, fixed.store);
  const drawn = draw('busy').chance(busyShare) ? drawBusy(draw, small) : small;
  const { untilMs = drawn.faultyMs, devices, servers = drawn.servers } = fixed.excerpt;
  return {
    ...drawn,
    faultyMs: Math.min(drawn.faultyMs, untilMs),
    devices: drawn.devices.filter((name) => !devices || devices.has(name)),
    servers: Math.min(drawn.servers, servers),
  };
}

/** One world in so many is busy. */
const busyShare = 0.03;

/**
 * A busy day with the bounds that users have: more records and longer outboxes than the replica and the server take in one of
 * their steps, which small worlds never come to. Faults of single calls are rarer, so that work piles up between them.
 */
function drawBusy(draw: Draw, small: Profile): Profile {
  const pageRecordsMax = 100 + draw('busy page').below(500);
  const batchMutationsMax = 50 + draw('busy batch').below(300);
  const bounds = { pageRecordsMax, pageRecordsDefault: pageRecordsMax, batchMutationsMax };
  const { recordCharsMax } = small.serverLimits;
  return {
    ...small,
    devices: small.devices.slice(0, 4),
    faultyMs: 10_000 + draw('busy time').below(15_000),
    thinkMs: 4 + draw('busy pace').below(12),
    records: 100 + draw('busy records').below(500),
    faultiness: 0.02,
    serverLimits: {
      ...defaultLimits,
      ...bounds,
      recordCharsMax,
      quarantinePerDeviceMax: small.serverLimits.quarantinePerDeviceMax,
    },
    deviceLimits: { ...small.deviceLimits, ...bounds },
  };
}

/** Few records, small pages and small bounds, so that all of them are met at once. */
function drawSmall(draw: Draw, given: StoreKind | undefined): Profile {
  const kind = draw('store').fraction();
  const store: StoreKind = given ?? (kind < 0.04 ? 'file' : kind < 0.14 ? 'sqlite' : 'memory');
  const devices = Array.from({ length: 2 + draw('devices').below(5) }, (_, at) => `d${at}`);
  const servers = store === 'memory' ? draw('servers').pick([1, 1, 1, 2, 3]) : 1;
  const scopes = draw('scopes').chance(0.35) ? ['north', 'south'] : ['north'];
  const pageRecordsMax = 1 + draw('page').below(6);
  const batchMutationsMax = 1 + draw('batch').below(6);
  const recordCharsMax = draw('record').pick([800, 1_500, 4_000]);
  const serverLimits: Limits = {
    ...defaultLimits,
    pageRecordsMax,
    pageRecordsDefault: pageRecordsMax,
    recordCharsMax,
    pageCharsMax: recordCharsMax * (1 + draw('page size').below(4)),
    bodyBytesMax: draw('body').chance(0.4) ? recordCharsMax + 2_500 : 1_048_576,
    answerVerdictsMax: draw('verdicts').chance(0.5) ? batchMutationsMax + draw('verdicts').below(4) : 2_000,
    batchMutationsMax,
    waitingPerReplicaMax: 1 + draw('waiting').below(8),
    conflictMutationsMax: 1 + draw('conflict').below(6),
    conflictsOpenMax: 1 + draw('conflicts').below(8),
    quarantinePerDeviceMax: 1 + draw('quarantine').below(20),
    quarantineCharsPerDeviceMax: 8 * recordCharsMax,
    touchedFieldsMax: draw('fields').chance(0.3) ? 1 + draw('fields').below(4) : 1_000,
    groupPushesMax: 1 + draw('group').below(4),
    waitingMsMax: draw('patience').pick([5_000, 20_000, 3_600_000]),
  };
  return {
    store,
    devices,
    servers,
    scopes,
    faultyMs: 15_000 + draw('time').below(45_000),
    thinkMs: 60 + draw('pace').below(500),
    records: draw('records').chance(0.2) ? 6 + draw('records').below(20) : 2 + draw('records').below(4),
    authenticated: draw('keys').chance(0.7),
    live: draw('live').chance(0.6),
    faultiness: 1,
    serverLimits,
    deviceLimits: {
      batchMutationsMax,
      pageRecordsDefault: pageRecordsMax,
      pageRecordsMax,
      // A device may take a little more than its server does.
      recordCharsMax: recordCharsMax + (draw('larger').chance(0.5) ? 40 : 0),
    },
  };
}
