// Reads the records of a collection for a file, page by page, all as they stood when the scope had one head: what changes while the pages
// are read does not change what is read.

import { type JsonObject, RequestError, type Schema, type StoredRecord } from '@holdfast/core';
import type { Store } from '../store/port.ts';
import { type AdminInput, deletedMark, type ExportPage, leftOutFieldsMax } from './admin.ts';
import { writeCell, writeIdCell } from './cell.ts';

export interface ExportDeps {
  store: Pick<Store, 'read'>;
  schema: Schema;
}

const recordsMax = 2_000;
const charsMax = 1_000_000;

/** Throws a RequestError when there is no such collection or scope. */
export async function exportRows(
  { store, schema }: ExportDeps,
  { scope, collection: name, seq, after = '', cells, deleted }: AdminInput<'export'>,
): Promise<ExportPage> {
  const collection = schema.collections.get(name);
  if (!collection)
    throw new RequestError('malformed', {
      field: 'collection',
      message: `The schema has no collection ${name}.`,
    });
  const fields = Object.keys(collection.fields.shape).filter((field) => field !== 'id');
  return store.read(async (snapshot) => {
    const head = (await snapshot.scope(scope))?.head;
    if (head === undefined)
      throw new RequestError('malformed', {
        field: 'scope',
        message: `Nothing was ever written to the scope ${scope}.`,
      });
    const asOf = seq ?? head;
    const query = { collection: name, seq: asOf, after, recordsMax, charsMax };
    const page = await snapshot.collection(scope, query);
    const records = page.records.filter(({ body }) => deleted || body !== null);
    const rest = { seq: asOf, after: page.after };
    if (!cells)
      return { ...rest, records: records.length, lines: records.map(lineOf), leftOut: 0, leftOutFields: [] };
    let leftOut = 0;
    const unnamed = new Set<string>();
    const rows = records.map(({ id, body }) => {
      const values = body === null ? {} : (JSON.parse(body) as JsonObject);
      const others = Object.keys(values).filter((field) => !fields.includes(field));
      if (others.length > 0) leftOut += 1;
      for (const field of others) if (unnamed.size < leftOutFieldsMax) unnamed.add(field);
      const texts = fields.map((field) => (body === null ? '' : writeCell(collection, field, values[field])));
      return [writeIdCell(id), ...texts, ...(deleted ? [body === null ? 'true' : ''] : [])];
    });
    const columns = ['id', ...fields, ...(deleted ? [deletedMark] : [])];
    return { ...rest, records: records.length, columns, rows, leftOut, leftOutFields: [...unnamed] };
  });
}

/** The stored text is spliced, so that every value stays as it is. */
function lineOf({ id, body }: StoredRecord): string {
  const head = `{"id":${JSON.stringify(id)}`;
  if (body === null) return `${head},"${deletedMark}":true}`;
  const text = /[\r\n]/.test(body) ? JSON.stringify(JSON.parse(body)) : body.trim();
  return text === '{}' ? `${head}}` : `${head},${text.slice(1)}`;
}
