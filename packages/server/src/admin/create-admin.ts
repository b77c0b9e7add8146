// The operator's work on an open store: what `serve` offers to commands, and what a command does itself when none serves.

import type { Clock, Limits, Random, Schema, Sha256 } from '@holdfast/core';
import type { Engine } from '../engine/engine.ts';
import { operator } from '../engine/engine.ts';
import {
  addKey,
  createEnrolment,
  findDevice,
  findKey,
  type IdentityDeps,
  listDevices,
  listKeys,
  removeKey,
  revokeDevice,
} from '../identity/keys.ts';
import type { Store } from '../store/port.ts';
import { type Admin, type AdminStatus, type SchemaFacts, unclaimedMax } from './admin.ts';
import { answerConflict, listConflicts, showConflict } from './conflicts.ts';
import { exportRows } from './export-rows.ts';
import { importRows } from './import-rows.ts';
import { discardQuarantined, findQuarantined, listQuarantine, resendQuarantined } from './quarantine.ts';
import { createUsersAdmin } from './users.ts';

export interface AdminDeps {
  store: Store;
  engine: Engine;
  schema: Schema;
  limits: Limits;
  clock: Clock;
  random: Random;
  sha256: Sha256;
  version: string;
}

const { actor } = operator;
const dayMs = 24 * 3_600_000;
const scopesMax = 1_000;

export function createAdmin(deps: AdminDeps): Admin {
  const identity: IdentityDeps = deps;
  const timed = { ...deps, nowMs: () => deps.clock.wallMs() };
  return {
    status: () => readStatus(deps),
    schema: async () => schemaFacts(deps),
    audit: async (query) => ({ entries: await deps.store.read((snapshot) => snapshot.audit(query)) }),
    async startImport({ scope, collection }) {
      await note(deps, 'import', `${scope}/${collection}`);
      return {};
    },
    import: (input) => importRows(timed, input),
    ...createUsersAdmin(identity),
    conflicts: (input) => listConflicts(timed, input),
    conflict: (input) => showConflict(timed, input),
    resolve: (input) => answerConflict(timed, input),
    quarantine: (input) => listQuarantine(timed, input),
    quarantined: async ({ place }) => ({ item: await findQuarantined(timed, place) }),
    resend: (input) => resendQuarantined(timed, input),
    discard: (input) => discardQuarantined(timed, input),
    async export(input) {
      // Once for a file, and before anything of it is given out.
      if (input.seq === undefined) await note(deps, 'export', `${input.scope}/${input.collection}`);
      return exportRows(deps, input);
    },
    devices: async () => ({ devices: await listDevices(deps) }),
    enrol: (input) => createEnrolment(identity, { ...input, actor }),
    async revoke(input) {
      const device = await findDevice(deps, input.device);
      return { revoked: await revokeDevice(identity, { device, actor }), device };
    },
    keys: async () => ({ keys: await listKeys(deps) }),
    async addKey({ name, grants, expiresDays }) {
      const expiresAt =
        expiresDays === undefined ? null : Math.round(deps.clock.wallMs() + expiresDays * dayMs);
      const { credential, text } = await addKey(identity, { name, grants, expiresAt, actor });
      return { key: credential, text };
    },
    async removeKey(input) {
      const key = await findKey(deps, input.key);
      return { removed: await removeKey(identity, { key, actor }), key };
    },
    async backup({ file, as = file }) {
      const written = await deps.store.backup(file);
      await note(deps, 'backup', as);
      return written;
    },
  };
}

function note({ store, clock }: AdminDeps, action: string, subject: string): Promise<void> {
  return store.identity.addAudit({ at: clock.wallMs(), actor, action, subject });
}

async function readStatus({ store, schema, clock, version }: AdminDeps): Promise<AdminStatus> {
  return store.read(async (snapshot) => {
    const names = await snapshot.scopeNames('', scopesMax);
    const scopes = [];
    for (const scope of names) {
      const state = await snapshot.scope(scope);
      if (!state) continue;
      const { head, stamp, conflictsOpen, held } = state;
      scopes.push({ scope, head, stamp, conflictsOpen, held });
    }
    const counts = await snapshot.counts();
    const unclaimed = await snapshot.unclaimed(unclaimedMax);
    return {
      version,
      startedAt: store.life.startedAt,
      now: clock.wallMs(),
      schema: schema.version,
      counts,
      unclaimed,
      scopes,
    };
  });
}

function schemaFacts({ schema, limits }: AdminDeps): SchemaFacts {
  const { recordCharsMax, recordDepthMax, jsonKeysMax } = limits;
  return {
    version: schema.version,
    collections: [...schema.collections.values()].map(({ name, kind, fields }) => ({
      name,
      kind,
      fields: Object.keys(fields.shape),
    })),
    limits: { recordCharsMax, recordDepthMax, jsonKeysMax },
  };
}
