// The declared answers to a conflict, per field and per record. Pure; the sides are named server and device.

import { canonicalJson, equalJson } from './canonical.ts';
import { compareScalar } from './collate.ts';
import { checkJson, type Json, type JsonObject } from './json.ts';
import { defaultLimits } from './limits.ts';
import type { FieldPolicyName, PolicyQuestion, RecordPolicy } from './schema.ts';

export interface FieldSides {
  /** What the writer saw; undefined when that is not known. */
  base: Json | undefined;
  server: Json | undefined;
  device: Json | undefined;
  serverMadeAt: number;
  deviceMadeAt: number;
}

/** The value that a field gets; undefined removes it. */
export function settleField(policy: FieldPolicyName, sides: FieldSides): Json | undefined {
  switch (policy) {
    case 'server':
      return sides.server;
    case 'client':
      return sides.device;
    case 'newest':
      return newer(sides);
    case 'max':
    case 'min':
      return extreme(policy, sides);
    case 'union':
      return union(sides);
  }
}

/** Whether the device's side is the newer one; at the same time the later arrival, which is the device's. */
export function deviceIsNewer(times: { serverMadeAt: number; deviceMadeAt: number }): boolean {
  return times.deviceMadeAt >= times.serverMadeAt;
}

export type RecordAnswer =
  | { side: 'server' }
  | { side: 'device' }
  | { side: 'ask' }
  | { side: 'fields' }
  | { side: 'set'; set: JsonObject };

/**
 * The answer for a whole record. `fields` means: field by field, the newest of each.
 * A policy function that throws or answers nonsense is answered by a person, so that nothing is decided by a fault.
 */
export function answerRecord(policy: RecordPolicy, question: PolicyQuestion): RecordAnswer {
  if (typeof policy === 'function') return answerByFunction(policy, question);
  switch (policy) {
    case 'server':
      return { side: 'server' };
    case 'client':
      return { side: 'device' };
    case 'newest':
      return { side: deviceIsNewer(question) ? 'device' : 'server' };
    case 'merge':
      return { side: 'fields' };
    case 'ask':
      return { side: 'ask' };
  }
}

/** The name under which a policy is logged. */
export function policyName(policy: RecordPolicy): string {
  return typeof policy === 'function' ? 'function' : policy;
}

function answerByFunction(policy: Exclude<RecordPolicy, string>, question: PolicyQuestion): RecordAnswer {
  try {
    // A copy: a function that writes to what it is shown must change nothing.
    const answer: unknown = policy(JSON.parse(JSON.stringify(question)) as PolicyQuestion);
    if (answer === 'server') return { side: 'server' };
    if (answer === 'client') return { side: 'device' };
    const set = readSet(answer);
    if (set) return { side: 'set', set };
  } catch {
    // Falls through to a person: see above.
  }
  return { side: 'ask' };
}

/** The fields of a `{ set }`, as JSON that every store holds; undefined when it is none. Throws on what JSON has not. */
function readSet(answer: unknown): JsonObject | undefined {
  const given = (answer as { set?: unknown } | null)?.set;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  // JSON.stringify would print null for them.
  const finite = (_: string, value: unknown): unknown => {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('A number is finite.');
    return value;
  };
  const set: unknown = JSON.parse(JSON.stringify(given, finite));
  const { recordDepthMax, jsonKeysMax } = defaultLimits;
  return checkJson(set, { depthMax: recordDepthMax, keysMax: jsonKeysMax }) ? undefined : (set as JsonObject);
}

function newer(sides: FieldSides): Json | undefined {
  return deviceIsNewer(sides) ? sides.device : sides.server;
}

/** The larger or smaller of two numbers or two strings; an absent side loses; of two kinds the newer. */
function extreme(policy: 'max' | 'min', sides: FieldSides): Json | undefined {
  const { server, device } = sides;
  if (server === undefined || server === null) return device;
  if (device === undefined || device === null) return server;
  if (typeof server !== typeof device || (typeof server !== 'number' && typeof server !== 'string'))
    return newer(sides);
  const order = compareScalar(device as number | string, server);
  return (policy === 'max' ? order > 0 : order < 0) ? device : server;
}

/** A list with what either side added and without what either removed, the server's order first. */
function union(sides: FieldSides): Json | undefined {
  const { base, server, device } = sides;
  if (!Array.isArray(server) || !Array.isArray(device))
    return equalJson(server ?? null, device ?? null) ? server : present(sides);
  const texts = (list: readonly Json[]): Set<string> => new Set(list.map(canonicalJson));
  const inServer = texts(server);
  const inDevice = texts(device);
  const before = Array.isArray(base) ? texts(base) : new Set<string>();
  const kept = server.filter((item) => inDevice.has(canonicalJson(item)) || !before.has(canonicalJson(item)));
  const added = device.filter(
    (item) => !inServer.has(canonicalJson(item)) && !before.has(canonicalJson(item)),
  );
  return [...kept, ...added];
}

/** One side has no list: the side that has one, else the newer. */
function present(sides: FieldSides): Json | undefined {
  if (Array.isArray(sides.server)) return sides.server;
  if (Array.isArray(sides.device)) return sides.device;
  return newer(sides);
}
