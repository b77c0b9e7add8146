// What a preset's facts are in the tables of SQLite, and how a column's value is made of them.

import type {
  ConflictFact,
  DeviceFact,
  RecordFact,
  SyncFact,
  ViewColumns,
  ViewSource,
} from '../sql-views.ts';

/**
 * Fact → expression over the table `t`. `json`: the fact that a field is read from when none is named; `writers`: who wrote those that
 * are JSON.
 */
export interface FactTable<Fact extends string> {
  from: string;
  facts: Readonly<Record<Fact, string>>;
  json?: NoInfer<Fact>;
  writers?: Readonly<Partial<Record<NoInfer<Fact>, string>>>;
}

export const recordTable: FactTable<RecordFact> = {
  from: 'hf_records AS t',
  facts: {
    scope: 't.scope',
    id: 't.id',
    number: 't.number',
    version: 't.seq',
    stamp: 't.stamp',
    edits: 't.edits',
    declared: 't.declared',
    // As `declaredVersion` in core.
    declaredVersion: 'iif(t.declared > 0, t.declared, t.edits)',
    writer: 't.writer',
    // The writer is a replica, or a protocol and its device.
    device: `coalesce((SELECT r.device FROM hf_replicas AS r WHERE r.scope = t.scope AND r.replica = t.writer),
      substr(t.writer, instr(t.writer, '/') + 1))`,
    madeAt: 't.made_at',
    createdAt: `coalesce((SELECT h.made_at FROM hf_history AS h WHERE h.scope = t.scope AND h.collection = t.collection
      AND h.id = t.id ORDER BY h.seq LIMIT 1), t.made_at)`,
    bodyHash: 't.body_hash',
    body: 't.body',
  },
  json: 'body',
  writers: { body: 't.writer' },
};

export const deviceTable: FactTable<DeviceFact> = {
  from: 'hf_devices AS t',
  facts: {
    device: 't.device',
    name: 't.name',
    role: 't.role',
    address: 't.address',
    createdAt: 't.created_at',
    seenAt: 't.seen_at',
    revokedAt: 't.revoked_at',
    active: '(t.revoked_at IS NULL)',
  },
};

export const syncTable: FactTable<SyncFact> = {
  from: 'hf_sync_log AS t',
  facts: {
    place: 't.place',
    at: 't.at',
    protocol: 't.protocol',
    device: 't.device',
    scope: 't.scope',
    kind: 't.kind',
    ok: 't.ok',
    facts: 't.facts',
  },
  json: 'facts',
};

export const conflictTable: FactTable<ConflictFact> = {
  from: 'hf_conflicts AS t',
  facts: {
    scope: 't.scope',
    id: 't.id',
    collection: 't.collection',
    record: 't.record',
    device: 't.device',
    writer: 't.writer',
    at: 't.at',
    deviceMadeAt: `coalesce(json_extract(t.content, '$.made.device'), t.at)`,
    serverMadeAt: `coalesce(json_extract(t.content, '$.made.server'), t.at)`,
    serverVersion: 't.server_version',
    policy: 't.policy',
    state: 't.state',
    deviceBody: `coalesce(json_extract(t.content, '$.changes[#-1].body'), json_extract(t.content, '$.changes[#-1].set'))`,
    serverBody: `json_extract(t.content, '$.server')`,
    ruling: `(SELECT json_extract(m.verdict, '$.ruling') FROM hf_mutations AS m
      WHERE m.scope = t.scope AND m.id = json_extract(t.content, '$.mutations[#-1]'))`,
    resolution: `json_extract(t.content, '$.settlement.resolution')`,
    resolvedBy: `coalesce(nullif(json_extract(t.content, '$.settlement.actor'), ''), json_extract(t.content, '$.settlement.by'))`,
    resolvedAt: `json_extract(t.content, '$.settlement.at')`,
  },
  writers: { deviceBody: 't.writer', serverBody: `json_extract(t.content, '$.made.serverWriter')` },
};

/** `… AS "name"` for each column, with a name that no other has. */
export function columnsSql<Fact extends string>(
  table: FactTable<Fact>,
  columns: ViewColumns<Fact>,
  taken: Set<string>,
): string[] {
  return Object.entries<ViewSource<Fact>>(columns).map(
    ([name, source]) => `${sourceSql(table, source)} AS ${quoted(freeName(name, taken))}`,
  );
}

function sourceSql<Fact extends string>(table: FactTable<Fact>, source: ViewSource<Fact>): string {
  if (typeof source === 'string') return factSql(table, source);
  if ('field' in source) {
    const fact = source.of ?? table.json;
    const value = fieldSql(factSql(table, fact), source.field);
    if (source.protocol === undefined) return value;
    const writer = (fact && table.writers?.[fact]) ?? 'NULL';
    const prefix = `${source.protocol}/`;
    return `CASE WHEN substr(${writer}, 1, ${prefix.length}) = ${text(prefix)} THEN ${value} END`;
  }
  if ('iso' in source) {
    return `strftime('%Y-%m-%dT%H:%M:%fZ', ${factSql(table, source.iso)} / 1000.0, 'unixepoch')`;
  }
  if ('value' in source) return typeof source.value === 'number' ? `${source.value}` : text(source.value);
  // The null makes two of one: coalesce takes no single value.
  if ('first' in source)
    return `coalesce(${source.first.map((one) => sourceSql(table, one)).join(', ')}, NULL)`;
  const value = sourceSql(table, source.renamed);
  const cases = Object.entries(source.as).map(([from, to]) => `WHEN ${text(from)} THEN ${text(to)}`);
  return `CASE ${value} ${cases.join(' ')} ELSE ${value} END`;
}

function factSql<Fact extends string>(table: FactTable<Fact>, fact: Fact | undefined): string {
  const sql: string | undefined = fact === undefined ? undefined : table.facts[fact];
  if (sql === undefined) throw new Error(`A view names a fact ${fact} of ${table.from}, which has none.`);
  return sql;
}

/** JSON's true and false are 1 and 0, lists and objects are JSON text, null and absent are NULL. */
export function fieldSql(json: string, field: string): string {
  return `json_extract(${json}, ${text(`$.${JSON.stringify(field)}`)})`;
}

/** The name, or with the lowest number behind it that makes it differ from all before it. */
export function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${wanted}_${n}`;
  taken.add(name.toLowerCase());
  return name;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
