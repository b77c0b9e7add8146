// Carries rows from a source to the server: names fields, cuts batches, counts what came of each row. One batch is under way at a
// time, so memory holds one batch, whatever the size of the file.

import { defaultLimits, type Json, type JsonObject, RequestError } from '@holdfast/core';
import {
  type Admin,
  type AdminInput,
  deletedMark,
  type ImportedRow,
  importRowsMax,
} from '../../admin/admin.ts';
import { readIdCell } from '../../admin/cell.ts';
import { NoAnswerError } from '../admin-client.ts';
import { CommandError } from '../failure.ts';
import { exitCodes } from '../terminal.ts';
import { planColumns } from './columns.ts';
import { BrokenFileError, type ReadRow } from './row.ts';
import { createSeenIds, type SeenIds } from './seen-ids.ts';
import type { Source } from './source.ts';

export interface ImportJob {
  source: Source;
  scope: string;
  collection: string;
  /** The field or column that holds the id. */
  id: string;
  map: ReadonlyMap<string, string>;
  /** Rows of deleted records delete them; else they are left out. */
  deleted: boolean;
}

export interface RowReport {
  line: number;
  field?: string;
  /** Such as `invalid_record`. */
  code?: string;
  reason: string;
}

export interface ImportReport {
  read: number;
  created: number;
  changed: number;
  deleted: number;
  unchanged: number;
  /** Taken, and judged when the record that they refer to comes. */
  waiting: number;
  /** Taken as facts, with something odd about them; counted above, too. */
  flagged: number;
  rejected: number;
  /** Rows of deleted records, when these are not to be deleted. */
  leftOut: number;
  /** The first of each kind. */
  rejections: RowReport[];
  flags: RowReport[];
  waits: RowReport[];
  /** Why the import ended before the end of the file. */
  stopped?: { line?: number; reason: string; help: string };
}

export interface ImportEvents {
  note(line: string): void;
  progress(report: ImportReport): void;
  interrupt: AbortSignal;
}

const reportsMax = 20;
// A batch's JSON, so that requests and answers stay small; the server's own bound may be lower, then batches are halved.
const batchBytesMax = 400_000;

type Row = AdminInput<'import'>['rows'][number];
type Numbered = { line: number; row: Row };

/** Throws a CommandError when the job cannot begin; afterwards everything is in the report. */
export async function runImport(admin: Admin, job: ImportJob, events: ImportEvents): Promise<ImportReport> {
  const facts = await admin.schema({});
  const collection = facts.collections.find(({ name }) => name === job.collection);
  if (!collection)
    throw new CommandError('collection_unknown', {
      message: `The schema has no collection ${job.collection}.`,
      help: `It has: ${facts.collections.map(({ name }) => name).join(', ')}.`,
      exit: exitCodes.usage,
    });
  const run = new ImportRun(admin, job, collection.fields, events);
  try {
    for await (const read of job.source.rows(facts.limits)) {
      if (events.interrupt.aborted) break;
      await run.take(read);
    }
    await run.flush();
  } catch (error) {
    await run.stop(error);
  }
  if (events.interrupt.aborted) run.interrupted();
  return run.report;
}

class ImportRun {
  readonly report: ImportReport = {
    read: 0,
    created: 0,
    changed: 0,
    deleted: 0,
    unchanged: 0,
    waiting: 0,
    flagged: 0,
    rejected: 0,
    leftOut: 0,
    rejections: [],
    flags: [],
    waits: [],
  };
  readonly #admin: Admin;
  readonly #job: ImportJob;
  readonly #known: readonly string[];
  readonly #events: ImportEvents;
  readonly #seen: SeenIds = createSeenIds();
  #columns: { fields: readonly (string | null)[]; id: number } = { fields: [], id: -1 };
  #batch: Numbered[] = [];
  #batchBytes = 0;
  #begun = false;
  /** In the audit log. */
  #noted = false;

  constructor(admin: Admin, job: ImportJob, known: readonly string[], events: ImportEvents) {
    this.#admin = admin;
    this.#job = job;
    this.#known = known;
    this.#events = events;
  }

  async take(read: ReadRow): Promise<void> {
    if (read.type === 'header') return this.#takeHeader(read.columns);
    this.report.read += 1;
    const { line } = read;
    if (read.type === 'problem') return this.#reject(line, read.problem.message, read.problem.field);
    const { id, row } = read.type === 'cells' ? this.#ofCells(read.cells) : this.#ofValues(read.values);
    const deleted = isDeleted(row);
    if (deleted && !this.#job.deleted) {
      this.report.leftOut += 1;
      return;
    }
    if (id === undefined || id === '')
      return this.#reject(line, 'there is no id: a text or a whole number', this.#job.id);
    if (id.length > defaultLimits.idCharsMax)
      return this.#reject(line, `an id has at most ${defaultLimits.idCharsMax} characters`, this.#job.id);
    const complete = this.#seen.complete;
    const before = this.#seen.add(id, line);
    if (complete && !this.#seen.complete)
      this.#events.note(
        `There are so many rows that an id that comes twice is not noticed behind line ${line}.`,
      );
    if (before !== undefined)
      return this.#reject(
        line,
        `the id ${JSON.stringify(id)} stands in line ${before} already`,
        this.#job.id,
      );
    const bytes = Buffer.byteLength(JSON.stringify(row));
    if (this.#batchBytes + bytes > batchBytesMax) await this.flush();
    this.#batch.push({ line, row: deleted ? { id, deleted } : { id, ...row } });
    this.#batchBytes += bytes;
    if (this.#batch.length >= importRowsMax) await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length > 0) await this.#send(batch);
    this.#events.progress(this.report);
  }

  /** What went wrong in the middle: the rows before it are kept, and the report says how to go on. */
  async stop(error: unknown): Promise<void> {
    // The reading was broken off, so what its end looks like means nothing.
    if (this.#events.interrupt.aborted) return this.flush();
    if (error instanceof BrokenFileError) {
      this.report.stopped = { line: error.line, reason: error.message, help: error.help };
      await this.flush();
      return;
    }
    if (!this.#begun || !(error instanceof NoAnswerError || error instanceof RequestError)) throw error;
    this.report.stopped = {
      reason: error.message,
      help: 'Run the same command again when the server is well: what was imported is not imported twice.',
    };
  }

  interrupted(): void {
    this.report.stopped ??= {
      reason: 'Interrupted.',
      help: 'Run the same command again to go on: what was imported is not imported twice.',
    };
  }

  #takeHeader(columns: readonly string[]): void {
    const { id, map } = this.#job;
    const plan = planColumns(columns, { id, map, known: this.#known });
    if ('problem' in plan)
      throw new CommandError('columns', { message: plan.problem, help: plan.help, exit: exitCodes.usage });
    this.#columns = plan;
    for (const note of plan.notes) this.#events.note(note);
  }

  #ofCells(cells: readonly string[]): { id: string | undefined; row: Omit<Row, 'id'> } {
    const { fields, id } = this.#columns;
    const texts = cells.flatMap((cell, place) => {
      const field = fields[place];
      return field ? [[field, cell] as const] : [];
    });
    return { id: readIdCell(cells[id] ?? ''), row: { texts: Object.fromEntries(texts) } };
  }

  #ofValues(given: JsonObject): { id: string | undefined; row: Omit<Row, 'id'> } {
    const { id: idField, map } = this.#job;
    const values: Record<string, Json> = {};
    for (const [name, value] of Object.entries(given)) {
      const field = map.get(name) ?? name;
      const isWanted = field !== '' || name === '';
      if (isWanted && (field !== idField || this.#known.includes(field))) values[field] = value;
    }
    const id = given[idField];
    const whole = typeof id === 'number' && Number.isSafeInteger(id);
    return { id: whole ? String(id) : typeof id === 'string' ? id : undefined, row: { values } };
  }

  async #send(batch: readonly Numbered[]): Promise<void> {
    const { scope, collection } = this.#job;
    try {
      if (!this.#noted) await this.#admin.startImport({ scope, collection });
      this.#noted = true;
      const { rows } = await this.#admin.import({ scope, collection, rows: batch.map(({ row }) => row) });
      this.#begun = true;
      for (const [place, { line }] of batch.entries()) this.#count(line, rows[place]);
    } catch (error) {
      const tooMuch =
        error instanceof RequestError && (error.code === 'too_large' || error.code.startsWith('json_'));
      if (!tooMuch) throw error;
      const [only, ...others] = batch;
      if (only && others.length === 0) return this.#reject(only.line, error.message, error.field);
      const half = batch.length >> 1;
      await this.#send(batch.slice(0, half));
      await this.#send(batch.slice(half));
    }
  }

  #count(line: number, row: ImportedRow | undefined): void {
    const { outcome = 'rejected', message = 'The server gave no answer for it.', code, field } = row ?? {};
    if (outcome === 'rejected') {
      this.#reject(line, message, field, code);
      return;
    }
    this.report[outcome] += 1;
    if (outcome === 'waiting') keep(this.report.waits, reportOf(line, message, field, code));
    if (code === undefined || outcome === 'waiting') return;
    this.report.flagged += 1;
    keep(this.report.flags, reportOf(line, message, field, code));
  }

  #reject(line: number, reason: string, field?: string, code?: string): void {
    this.report.rejected += 1;
    keep(this.report.rejections, reportOf(line, reason, field, code));
  }
}

/** A row that `export --deleted` wrote for a tombstone. */
function isDeleted({ texts, values }: Omit<Row, 'id'>): boolean {
  if (texts && texts[deletedMark] === '') delete texts[deletedMark];
  return texts?.[deletedMark] !== undefined || values?.[deletedMark] === true;
}

/** Keeps the ones that come first in the file: the reader is ahead of the server, so they are found out of order. */
function keep(list: RowReport[], row: RowReport): void {
  const place = list.findLastIndex(({ line }) => line <= row.line) + 1;
  list.splice(place, 0, row);
  list.length = Math.min(list.length, reportsMax);
}

function reportOf(line: number, reason: string, field?: string, code?: string): RowReport {
  return {
    line,
    ...(field === undefined ? {} : { field }),
    ...(code === undefined ? {} : { code }),
    reason,
  };
}
