// `holdfast export`: the records of a collection become a file.

import { extname, resolve } from 'node:path';
import { Option } from 'commander';
import { leftOutFieldsMax } from '../admin/admin.ts';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  keepFilesPrivate,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { type ExportReport, runExport } from './export/run-export.ts';
import { fileSink, terminalSink } from './export/sink.ts';
import { CommandError } from './failure.ts';
import { type Format, formatByEnding, formats } from './import/source.ts';
import { bytesText, countText, exitCodes, numberText, printable } from './terminal.ts';

interface ExportFlags extends CommonFlags {
  collection: string;
  scope: string;
  format?: Format;
  out?: string;
  deleted?: boolean;
}

export const addExport: AddCommand = (program, context) => {
  const command = describeCommand(program, {
    usage: 'export',
    summary: 'write the records of a collection as CSV, JSON or NDJSON',
    description: [
      'Writes the records of a collection, in the order of their ids, all as they stood at one moment, also while the server serves.',
      'Import reads the file back as the same records. With --out the file appears under its name when it is whole and on the disk,',
      'in place of one that was there; otherwise it goes to standard output.',
    ].join(' '),
    examples: [
      'holdfast export --collection products --out products.csv',
      'holdfast export --collection sales --scope shop-1 --format ndjson | gzip > sales.ndjson.gz',
    ],
  });
  withCommonFlags(command)
    .requiredOption('--collection <name>', 'the collection')
    .option('--scope <scope>', 'the scope', 'main')
    .addOption(new Option('--format <format>', 'default: as the file’s name ends').choices(formats))
    .option('--out <file>', 'where to write it (default: standard output)')
    .option('--deleted', 'deleted records as well: their ids, marked with the field $deleted')
    .action((flags: ExportFlags) => exportFile(context, flags));
};

async function exportFile(context: CommandContext, flags: ExportFlags): Promise<void> {
  const { terminal } = context;
  const { collection, scope, out, deleted = false } = flags;
  const format = formatOf(flags);
  if (flags.json && out === undefined)
    throw usage('The records and the answer cannot both go to standard output.', 'Name a file with --out.');
  keepFilesPrivate();
  const interrupt = terminal.catchInterrupt();
  const file = out === undefined ? undefined : resolve(terminal.cwd, out);
  const report = await withAdmin(terminal, flags, { create: false }, async ({ admin }) => {
    const sink = file === undefined ? terminalSink(terminal) : await fileSink(file);
    const progress = ({ records }: ExportReport): void => {
      if (file !== undefined) terminal.progress(`${countText(records, 'record')} written`);
    };
    try {
      return await runExport(
        admin,
        { scope, collection, format, deleted },
        { sink, events: { progress, interrupt } },
      );
    } finally {
      await sink.close();
    }
  });
  terminal.progress('');
  if (report.leftOut > 0) terminal.note(printable(leftOutText(report)));
  if (file === undefined) return;
  answer(context, flags, {
    json: { file, scope, collection, format, ...report },
    text: `Wrote ${file}: ${countText(report.records, 'record')} of ${collection} in ${scope}, as of seq ${numberText(report.seq)}, ${bytesText(report.bytes)}.`,
  });
}

function leftOutText({ leftOut, leftOutFields: fields }: ExportReport): string {
  const named = fields.length < leftOutFieldsMax ? fields : [...fields, '…'];
  return `${countText(leftOut, 'record')} with fields that the schema does not name (${named.join(', ')}): these have no column. --format ndjson keeps them.`;
}

function formatOf({ format, out }: ExportFlags): Format {
  const found = format ?? (out === undefined ? undefined : formatByEnding(extname(out)));
  if (found) return found;
  throw usage('It is not said which format to write.', `Give --format ${formats.join(', --format ')}.`);
}

function usage(message: string, help: string): CommandError {
  return new CommandError('usage', { message, help, exit: exitCodes.usage });
}
