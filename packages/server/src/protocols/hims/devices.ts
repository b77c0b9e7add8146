// Devices of hims: they register by name, and are shown with where and when they were seen.

import type { Clock } from '@holdfast/core';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { Identity } from '../../identity/identity.ts';
import { timeText } from '../time.ts';
import type { registerMessage, WireDevice } from './wire.ts';

type Device = Awaited<ReturnType<Identity['devices']>>[number];

const roleDefault = 'client';

/** Throws RequestError as `identity.register` does. */
export async function registerDevice(
  identity: Identity,
  { uuid, name, role }: z.infer<typeof registerMessage>,
  { caller, address }: { caller: Caller; address: string },
): Promise<Device> {
  const before = role ? undefined : await identity.device(uuid);
  return identity.register({
    device: uuid,
    name,
    role: role ?? (before?.role || roleDefault),
    address,
    proof: { key: caller.key, device: caller.device || null },
  });
}

/** Where nobody needs a key, a device that pushes is registered by its id. */
export async function registerUnknown(
  identity: Identity,
  { caller, address }: { caller: Caller; address: string },
): Promise<void> {
  const { device, key, token } = caller;
  if (key !== null || token || (await identity.device(device))) return;
  await registerDevice(
    identity,
    { uuid: device, name: device },
    { caller: { ...caller, device: '' }, address },
  );
}

/** A device that only reads was here, too. Written once in so long, however often it asks. */
export async function noteSeen(
  { identity, clock }: { identity: Identity; clock: Pick<Clock, 'wallMs'> },
  who: { caller: Caller; address: string },
): Promise<void> {
  const known = await identity.device(who.caller.device);
  if (!known || known.revokedAt !== null || clock.wallMs() - known.seenAt < seenEveryMs) return;
  const { device: uuid, name, role } = known;
  await registerDevice(identity, { uuid, name: name || uuid, role }, who);
}

const seenEveryMs = 60_000;

export function wireDevice({ device, name, address, role, seenAt, revokedAt }: Device): WireDevice {
  return {
    uuid: device,
    name: name || device,
    ip_address: address,
    role: role || roleDefault,
    last_seen: timeText(seenAt),
    is_active: revokedAt === null ? 1 : 0,
  };
}

/** IPv4 within IPv6 is shown as IPv4. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '') ?? '';
}

export function peerAddress({ raw }: FastifyRequest): string {
  return plainAddress(raw.socket.remoteAddress);
}
