// The tables of a hotel's inventory as reports know them. `body` is the whole record as JSON, for fields that only its clients know.

import type { ConflictFact, RecordView, SqlView, ViewSource } from '../store/sql-views.ts';

type Columns = RecordView['columns'];

const metadata: Columns = {
  last_modified: { first: [{ field: 'last_modified', protocol: 'hims' }, { iso: 'madeAt' }] },
  is_synced: { value: 1 },
  source_device: 'device',
  body: 'body',
};

function dataTable(name: string, named: Columns = {}): RecordView {
  return { name, collection: name, columns: { uuid: 'id', ...named, ...metadata } };
}

export const himsViews: readonly SqlView[] = [
  dataTable('stock_items', { item_name: { field: 'item_name' }, current_stock: { field: 'current_stock' } }),
  dataTable('suppliers'),
  dataTable('purchases'),
  dataTable('purchase_items'),
  dataTable('issues'),
  dataTable('issue_items'),
  dataTable('settings'),
  dataTable('users'),
  {
    name: 'devices',
    table: 'devices',
    columns: {
      uuid: 'device',
      name: 'name',
      ip_address: 'address',
      role: 'role',
      last_seen: { iso: 'seenAt' },
      is_active: 'active',
    },
  },
  {
    name: 'sync_log',
    table: 'syncs',
    columns: {
      id: 'place',
      device_uuid: 'device',
      sync_type: 'kind',
      success: 'ok',
      details: 'facts',
      created_at: { iso: 'at' },
    },
  },
  {
    name: 'conflict_log',
    table: 'conflicts',
    columns: {
      id: 'id',
      table_name: 'collection',
      record_uuid: 'record',
      device_uuid: 'device',
      device_timestamp: timestamp('device'),
      server_timestamp: timestamp('server'),
      device_payload: 'deviceBody',
      server_payload: 'serverBody',
      resolution: {
        renamed: 'resolution',
        as: {
          server: 'use_server',
          device: 'keep_device',
          value: 'manual_merge',
          merge: 'use_server',
          undo: 'use_server',
        },
      },
      resolved_by: 'resolvedBy',
      resolved_at: { iso: 'resolvedAt' },
      created_at: { iso: 'at' },
    },
  },
];

/** Of one side of a conflict: the device's own word, where it gave one. */
function timestamp(side: 'device' | 'server'): ViewSource<ConflictFact> {
  const said = { field: 'last_modified', of: `${side}Body`, protocol: 'hims' } as const;
  return { first: [said, { iso: `${side}MadeAt` }] };
}
