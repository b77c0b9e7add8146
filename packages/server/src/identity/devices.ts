// Devices that make themselves known by name, as protocols without enrolment have it: who they say they are, and where they are.

import { type Clock, type Limits, RequestError } from '@holdfast/core';
import type { Device, Store, StoreTransaction } from '../store/port.ts';
import { checkName } from './keys.ts';

export interface Registration {
  device: string;
  name: string;
  role: string;
  /** The peer's, as the server sees it. */
  address: string;
  /** What the request proved; a credential of one device speaks for no other. */
  proof: { key: string | null; device: string | null };
}

export interface RegisterDeps {
  store: Pick<Store, 'commit'>;
  clock: Pick<Clock, 'wallMs'>;
  limits: Pick<Limits, 'devicesMax' | 'devicesPerKeyMax'>;
}

/** A repeat within this time that says nothing new is not written. */
const seenEveryMs = 60_000;

/**
 * Durable when it resolves; again, it updates name, role and address. Throws RequestError `device_revoked`, `forbidden`, `too_many`,
 * or `malformed` with the field.
 */
export async function registerDevice(deps: RegisterDeps, registration: Registration): Promise<Device> {
  const { proof, address } = registration;
  const device = checkName(registration.device, 'device');
  const said = { name: checkName(registration.name), role: checkName(registration.role, 'role'), address };
  const nowMs = deps.clock.wallMs();
  return deps.store.commit(async (transaction) => {
    const before = (await transaction.devices([device])).get(device);
    await checkProof(transaction, { device, before, proof });
    if (before && repeats(before, said) && nowMs - before.seenAt < seenEveryMs) return before;
    if (!before) await checkRoom(transaction, { key: proof.key, isOwn: proof.device !== null }, deps.limits);
    const kept = before ?? { device, key: proof.key, createdAt: nowMs, revokedAt: null };
    const registered = { ...kept, ...said, seenAt: Math.max(nowMs, before?.seenAt ?? 0) };
    await transaction.putDevices([registered]);
    return registered;
  });
}

function repeats(before: Device, said: Pick<Device, 'name' | 'role' | 'address'>): boolean {
  return before.name === said.name && before.role === said.role && before.address === said.address;
}

async function checkProof(
  transaction: StoreTransaction,
  given: { device: string; before: Device | undefined; proof: Registration['proof'] },
): Promise<void> {
  const { device, before, proof } = given;
  if (before && before.revokedAt !== null) throw new RequestError('device_revoked');
  const isOwn = proof.device === device;
  const message = 'The credential was issued to another device.';
  if (proof.device !== null && !isOwn) throw new RequestError('forbidden', { field: 'device', message });
  if (isOwn || proof.key === null || before?.key == null) return;
  // A device that has a key of its own is not spoken for by one that any device may use.
  const last = (await transaction.credentials([before.key])).get(before.key);
  const enrolled = 'This device has a key of its own.';
  if (last?.device === device) throw new RequestError('forbidden', { field: 'device', message: enrolled });
}

async function checkRoom(
  transaction: StoreTransaction,
  { key, isOwn }: { key: string | null; isOwn: boolean },
  limits: RegisterDeps['limits'],
): Promise<void> {
  const { all, byKey } = await transaction.deviceCounts(key === null ? [] : [key]);
  const full = all >= limits.devicesMax;
  const keyFull = key !== null && !isOwn && (byKey.get(key) ?? 0) >= limits.devicesPerKeyMax;
  if (!full && !keyFull) return;
  const message = `No more devices can register${full ? '' : ' with this key'}.`;
  throw new RequestError('too_many', { field: 'device', message });
}
