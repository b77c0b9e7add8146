// Which column of a table fills which field: by its exact name, by its name as people write it (`Unit price` for `unitPrice`), or as
// `--map` says.

export interface ColumnPlan {
  /** For each column, the field that it fills; null: none. */
  fields: readonly (string | null)[];
  /** Place of the column that holds the id. */
  id: number;
  /** What a person should know about it. */
  notes: readonly string[];
}

export interface ColumnWishes {
  /** Column → field, or '' to leave it out. */
  map: ReadonlyMap<string, string>;
  /** The field, or column, that holds the id. */
  id: string;
  /** Fields that the schema knows. */
  known: readonly string[];
}

/** Answers the plan, or what is wrong with the header. */
export function planColumns(
  columns: readonly string[],
  wishes: ColumnWishes,
): ColumnPlan | { problem: string; help: string } {
  const notes: string[] = [];
  const stray = [...wishes.map.keys()].find((column) => !columns.includes(column));
  if (stray !== undefined) return { problem: `There is no column ${stray}.`, help: listed(columns) };
  const fields = columns.map((column) => fieldOf(column, wishes));
  const twice = fields.find((field, place) => field !== null && fields.indexOf(field) !== place);
  if (typeof twice === 'string')
    return {
      problem: `Two columns fill the field ${twice}.`,
      help: `Leave one out with --map COLUMN= . ${listed(columns)}`,
    };
  const id = idColumn(columns, fields, wishes);
  if (id === -1)
    return {
      problem: `No column ${wishes.id} holds the records’ ids.`,
      help: `Name the column that tells records apart with --id. ${listed(columns)}`,
    };
  // Beside its fields a record has its id: the column is both only when the schema has such a field.
  if (!wishes.known.includes(fields[id] ?? '')) fields[id] = null;
  if (fields.includes('id'))
    return {
      problem: `The column id is no field, and --id names another column.`,
      help: 'Leave it out with --map id= , or give it another name with --map id=number .',
    };
  const forbidden = fields.find((field) => ['__proto__', 'constructor', 'prototype'].includes(field ?? ''));
  if (forbidden) return { problem: `No field may be called ${forbidden}.`, help: 'Rename it with --map.' };
  const nameless = columns.filter((column) => column === '' && !wishes.map.has('')).length;
  if (nameless > 0)
    notes.push(`${nameless === 1 ? 'A column' : `${nameless} columns`} without a name: left out.`);
  for (const [place, field] of fields.entries()) {
    const column = columns[place] ?? '';
    if (field === null || wishes.map.has(column)) continue;
    if (!wishes.known.includes(field))
      notes.push(
        `The schema has no field ${field}; the column is kept as text. (--map '${column}=' leaves it out.)`,
      );
    else if (field !== column) notes.push(`The column ${column} fills the field ${field}.`);
  }
  return { fields, id, notes };
}

function fieldOf(column: string, { map, known }: ColumnWishes): string | null {
  const wished = map.get(column);
  if (wished !== undefined) return wished === '' ? null : wished;
  // Spreadsheets leave columns without a name behind; nothing can be meant by them.
  if (column === '') return null;
  if (known.includes(column)) return column;
  const alike = known.filter((field) => plain(field) === plain(column));
  return (alike.length === 1 ? alike[0] : undefined) ?? column;
}

function idColumn(
  columns: readonly string[],
  fields: readonly (string | null)[],
  { id }: ColumnWishes,
): number {
  const exact = columns.indexOf(id);
  if (exact !== -1) return exact;
  const byField = fields.indexOf(id);
  return byField !== -1 ? byField : columns.findIndex((column) => plain(column) === plain(id));
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

function listed(columns: readonly string[]): string {
  return `The columns are: ${columns.filter((column) => column !== '').join(', ')}.`;
}
