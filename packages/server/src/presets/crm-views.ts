// The tables of a CRM as reports know them. `body` is the whole record as JSON, for fields that only its clients know.

import type { ConflictFact, RecordView, SqlView, ViewSource } from '../store/sql-views.ts';

function entityTable(name: string, id: string, fields: readonly string[]): RecordView {
  const named = fields.map((field) => [field, { field }] as const);
  return {
    name,
    collection: name,
    columns: {
      id: 'number',
      [id]: 'id',
      ...Object.fromEntries(named),
      updated_at: { first: [{ field: 'updated_at', protocol: 'crm' }, { iso: 'madeAt' }] },
      sync_status: { value: 'SYNCED' },
      last_synced_at: { iso: 'stamp' },
      source_device: 'device',
      body: 'body',
    },
  };
}

export const crmViews: readonly SqlView[] = [
  entityTable('customers', 'customer_id', ['name', 'email', 'phone']),
  entityTable('orders', 'order_id', ['customer_id', 'status', 'total']),
  entityTable('payments', 'payment_id', ['order_id', 'amount', 'status']),
  entityTable('projects', 'project_id', ['customer_id', 'name', 'status']),
  {
    name: 'devices',
    table: 'devices',
    columns: { device_id: 'device', name: 'name', last_seen: { iso: 'seenAt' }, is_active: 'active' },
  },
  {
    name: 'sync_history',
    table: 'syncs',
    columns: {
      id: 'place',
      device_id: 'device',
      kind: 'kind',
      success: 'ok',
      finished_at: { iso: 'at' },
      pushed: { field: 'pushed' },
      pulled: { field: 'pulled' },
      conflicts: { field: 'conflicts' },
      errors: { field: 'errors' },
    },
  },
  {
    name: 'conflict_log',
    table: 'conflicts',
    columns: {
      id: 'id',
      entity_type: 'collection',
      unique_id: 'record',
      device_id: 'device',
      client_updated_at: updatedAt('device'),
      server_updated_at: updatedAt('server'),
      client_version: 'deviceBody',
      server_version: 'serverBody',
      strategy: {
        renamed: 'policy',
        as: { server: 'server_wins', client: 'client_wins', newest: 'newest_wins' },
      },
      winner: {
        renamed: 'ruling',
        as: { kept: 'server', gone: 'server', open: 'server', replaced: 'client', updated: 'merged' },
      },
      resolved_by: 'resolvedBy',
      resolved_at: { iso: 'resolvedAt' },
      created_at: { iso: 'at' },
    },
  },
];

/** Of one side of a conflict: the device's own word, where it gave one. */
function updatedAt(side: 'device' | 'server'): ViewSource<ConflictFact> {
  const said = { field: 'updated_at', of: `${side}Body`, protocol: 'crm' } as const;
  return { first: [said, { iso: `${side}MadeAt` }] };
}
