// Who is let in to a commit: credentials, devices and rights, as they stand in its transaction. A device becomes known by speaking
// to a scope to which it has a right; of who has none a bounded number of refusals is kept, and nothing else.

import { type Grants, type Limits, RequestError } from '@holdfast/core';
import type { Credential, Device, StoreTransaction } from '../store/port.ts';
import { grantsOf, isEnrolled, type Right, rightIn } from './access.ts';
import type { Caller } from './engine.ts';

export interface Applicant {
  caller: Caller;
  scope: string;
  /** Mutations that it brings. */
  mutations: number;
}

export interface Admitted {
  grants: Grants;
  right: Right;
  room: Room;
}

/** What may still be remembered of one who may not write: refused mutations, and replicas that are new to the scope. */
export interface Room {
  refusals: number;
  replicas: number;
}

export interface AdmissionBounds {
  nowMs: number;
  limits: Limits;
}

/** Answers each applicant in order, and writes down the devices that are new or were not seen for a while. */
export async function admitAll(
  transaction: StoreTransaction,
  applicants: readonly Applicant[],
  bounds: AdmissionBounds,
): Promise<readonly (Admitted | RequestError)[]> {
  const known = await readKnown(transaction, applicants);
  const register = await openRegister(transaction, { applicants, known, bounds });
  const standings = applicants.map(({ caller, scope }) => {
    try {
      const device = register.put.get(caller.device) ?? known.devices.get(caller.device);
      const credential = known.credentials.get(caller.key ?? '');
      const enrolled = isEnrolled(device, known.credentials.get(device?.key ?? ''));
      const grants = grantsOf(caller, { credential, device, enrolled, nowMs: bounds.nowMs });
      const right = rightIn(grants, scope);
      if (caller.device === '') return { grants, right };
      if (!device && right === 'none') throw new RequestError('forbidden', { field: 'scope' });
      register.see(caller, device);
      return { grants, right };
    } catch (error) {
      if (error instanceof RequestError) return error;
      throw error;
    }
  });
  if (register.put.size > 0) await transaction.putDevices([...register.put.values()]);
  const rooms = await readRooms(transaction, { applicants, standings, limits: bounds.limits });
  return standings.map((standing, place) =>
    standing instanceof RequestError ? standing : { ...standing, room: rooms.get(place) ?? endless },
  );
}

interface Known {
  devices: ReadonlyMap<string, Device>;
  /** The callers' keys, and those by which their devices came last. */
  credentials: ReadonlyMap<string, Credential>;
}

async function readKnown(transaction: StoreTransaction, applicants: readonly Applicant[]): Promise<Known> {
  const names = applicants.flatMap(({ caller }) => (caller.device === '' ? [] : [caller.device]));
  const devices = names.length > 0 ? await transaction.devices([...new Set(names)]) : new Map();
  const keys = applicants.flatMap(({ caller: { key, device } }) =>
    key === null ? [] : [key, devices.get(device)?.key ?? key],
  );
  const credentials = keys.length > 0 ? await transaction.credentials([...new Set(keys)]) : new Map();
  return { devices, credentials };
}

const deviceSeenEveryMs = 60_000;

interface Register {
  /** Rows to be written. */
  readonly put: ReadonlyMap<string, Device>;
  /** Throws RequestError `too_many` for a new device when there is no room. */
  see(caller: Caller, before: Device | undefined): void;
}

async function openRegister(
  transaction: StoreTransaction,
  given: { applicants: readonly Applicant[]; known: Known; bounds: AdmissionBounds },
): Promise<Register> {
  const { nowMs, limits } = given.bounds;
  const { devices, credentials } = given.known;
  // Those that are new, or come with another key than before.
  const strangers = given.applicants.filter(({ caller: { device, key } }) => {
    const found = devices.get(device);
    return device !== '' && (!found || (key !== null && key !== found.key));
  });
  const keys = new Set(strangers.flatMap(({ caller }) => caller.key ?? []));
  const counts = strangers.length > 0 ? await transaction.deviceCounts([...keys]) : undefined;
  let room = limits.devicesMax - (counts?.all ?? 0);
  const roomOf = new Map<string, number>();
  for (const [key, count] of counts?.byKey ?? []) roomOf.set(key, limits.devicesPerKeyMax - count);
  const takeRoom = (key: string | null): boolean => {
    // Without authentication there is no key to count by, and an enrolled device has one to itself.
    if (key === null || credentials.get(key)?.device != null) return true;
    const left = roomOf.get(key) ?? limits.devicesPerKeyMax;
    if (left > 0) roomOf.set(key, left - 1);
    return left > 0;
  };
  const put = new Map<string, Device>();
  return {
    put,
    see(caller, before) {
      if (!before && (room <= 0 || !takeRoom(caller.key))) {
        const message = `No more devices can register${room > 0 ? ' with this key' : ''}.`;
        throw new RequestError('too_many', { field: 'device', message });
      }
      if (!before) room -= 1;
      // A device that moves to another key counts there, if it has room: else two keys could make room for each other for ever.
      const moves = caller.key !== null && caller.key !== before?.key && (!before || takeRoom(caller.key));
      const key = moves ? caller.key : (before?.key ?? null);
      if (before && before.key === key && nowMs - before.seenAt < deviceSeenEveryMs) return;
      put.set(caller.device, {
        device: caller.device,
        name: before?.name ?? '',
        role: before?.role ?? '',
        address: before?.address ?? '',
        key,
        createdAt: before?.createdAt ?? nowMs,
        seenAt: Math.max(nowMs, before?.seenAt ?? 0),
        revokedAt: before?.revokedAt ?? null,
      });
    },
  };
}

const endless: Room = { refusals: Number.POSITIVE_INFINITY, replicas: Number.POSITIVE_INFINITY };

/** By place. What one push of a group may take is not given to another: they commit as one. */
async function readRooms(
  transaction: StoreTransaction,
  given: {
    applicants: readonly Applicant[];
    standings: readonly (Pick<Admitted, 'right'> | RequestError)[];
    limits: Limits;
  },
): Promise<ReadonlyMap<number, Room>> {
  const asked = given.applicants.flatMap(({ caller, scope, mutations }, place) => {
    const standing = given.standings[place];
    const right = standing instanceof RequestError ? undefined : standing?.right;
    const bounded = (right === 'read' || right === 'none') && mutations > 0;
    return bounded ? [{ place, scope, device: caller.device, mutations }] : [];
  });
  if (asked.length === 0) return new Map();
  const kept = await transaction.refusals(asked);
  const { refusalsPerDeviceMax, replicasPerDeviceMax } = given.limits;
  const taken = new Map<string, number>();
  const take = (what: readonly string[], wanted: number, left: number): number => {
    const key = JSON.stringify(what);
    const before = taken.get(key) ?? 0;
    const got = Math.max(0, Math.min(wanted, left - before));
    taken.set(key, before + got);
    return got;
  };
  return new Map(
    asked.map(({ place, scope, device, mutations }, nth) => {
      const { mutations: refused, replicas } = kept[nth] ?? { mutations: 0, replicas: 0 };
      const room: Room = {
        refusals: take([device], mutations, refusalsPerDeviceMax - refused),
        replicas: take([device, scope], 1, replicasPerDeviceMax - replicas),
      };
      return [place, room] as const;
    }),
  );
}
