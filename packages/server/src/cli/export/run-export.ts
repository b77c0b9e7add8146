// Carries the records of a collection to a sink, page by page: memory holds one page, however many there are.

import { type Admin, type ExportPage, leftOutFieldsMax } from '../../admin/admin.ts';
import { CommandError } from '../failure.ts';
import type { Format } from '../import/source.ts';
import { exitCodes } from '../terminal.ts';
import type { Sink } from './sink.ts';
import { closingOf, openingOf, pageText } from './text.ts';

export interface ExportJob {
  scope: string;
  collection: string;
  format: Format;
  /** Tombstones as well. */
  deleted: boolean;
}

export interface ExportReport {
  /** The head of the scope as of which every record was read. */
  seq: number;
  records: number;
  bytes: number;
  /** Records with fields that have no column, and the first of these fields. */
  leftOut: number;
  leftOutFields: readonly string[];
}

export interface ExportEvents {
  progress(report: ExportReport): void;
  interrupt: AbortSignal;
}

/** Throws a RequestError or CommandError, and then the sink was not finished. */
export async function runExport(
  admin: Pick<Admin, 'export'>,
  { scope, collection, format, deleted }: ExportJob,
  { sink, events }: { sink: Sink; events: ExportEvents },
): Promise<ExportReport> {
  const asked = { scope, collection, deleted, cells: format === 'csv' };
  const report: ExportReport = { seq: 0, records: 0, bytes: 0, leftOut: 0, leftOutFields: [] };
  const write = async (text: string): Promise<void> => {
    report.bytes += Buffer.byteLength(text);
    if (text !== '') await sink.write(text);
  };
  let page: ExportPage = await admin.export(asked);
  await write(openingOf(format));
  for (let isFirst = true; ; isFirst = false) {
    if (events.interrupt.aborted) throw interrupted();
    await write(pageText(format, page, format === 'csv' ? isFirst : report.records === 0));
    report.seq = page.seq;
    report.records += page.records;
    report.leftOut += page.leftOut;
    const unnamed = new Set([...report.leftOutFields, ...page.leftOutFields]);
    report.leftOutFields = [...unnamed].slice(0, leftOutFieldsMax);
    events.progress(report);
    if (page.after === null) break;
    page = await admin.export({ ...asked, seq: page.seq, after: page.after });
  }
  await write(closingOf(format));
  await sink.finish();
  return report;
}

function interrupted(): CommandError {
  return new CommandError('interrupted', {
    message: 'Interrupted; no file was written.',
    help: '',
    exit: exitCodes.interrupted,
  });
}
