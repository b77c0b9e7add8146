// `holdfast import`: the rows of a file become records, as often as one likes.

import { InvalidArgumentError, Option } from 'commander';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { isEncoding } from './import/decode.ts';
import { type ImportReport, type RowReport, runImport } from './import/run-import.ts';
import { type Format, formats, openSource } from './import/source.ts';
import { countText, exitCodes, numberText, printable } from './terminal.ts';

interface ImportFlags extends CommonFlags {
  collection: string;
  id: string;
  scope: string;
  format?: Format;
  map?: ReadonlyMap<string, string>;
  delimiter?: string;
  encoding?: string;
  deleted?: boolean;
}

export const addImport: AddCommand = (program, context) => {
  const command = describeCommand(program, {
    usage: 'import <file>',
    summary: 'bring the rows of a CSV, JSON or NDJSON file in',
    description: [
      'Brings the rows of a file into a collection: CSV with a header, a JSON array, or NDJSON; - is standard input.',
      'Importing a file again changes only what differs from it: the file is the newest word for the fields that it names, and other',
      'fields stay. So an import that was cut short is finished by running it again. Rows that do not fit are told with their line;',
      'the others are taken. Exits with 1 if any row was rejected.',
    ].join(' '),
    examples: [
      'holdfast import products.csv --collection products',
      'holdfast import products.csv --collection products --id sku --scope shop-1',
      "holdfast import export.csv --collection products --map 'Artikel=name' --map 'Notiz='",
      'zcat old.ndjson.gz | holdfast import - --format ndjson --collection sales',
    ],
  });
  withCommonFlags(command)
    .requiredOption('--collection <name>', 'the collection')
    .option('--id <field>', 'the field or column that holds the id', 'id')
    .option('--scope <scope>', 'the scope', 'main')
    .addOption(new Option('--format <format>', 'default: as the file’s name ends').choices(formats))
    .option(
      '--map <column=field>',
      'which field a column fills; nothing behind = leaves it out; repeatable',
      collectMap,
    )
    .option(
      '--delimiter <character>',
      'of a CSV file (default: the one that its header uses most)',
      readDelimiter,
    )
    .option('--deleted', 'delete the records whose rows say so, as `export --deleted` writes them')
    .option('--encoding <name>', 'of the file (default: UTF-8, or as its mark says)', readEncoding)
    .action((file: string, flags: ImportFlags) => importFile(context, file, flags));
};

async function importFile(context: CommandContext, file: string, flags: ImportFlags): Promise<void> {
  const { terminal } = context;
  const { collection, id, scope, map = new Map(), format, delimiter, encoding, deleted = false } = flags;
  const interrupt = terminal.catchInterrupt();
  const source = await openSource({
    file,
    terminal,
    interrupt,
    ...(format === undefined ? {} : { format }),
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(encoding === undefined ? {} : { encoding }),
  });
  const report = await withAdmin(terminal, flags, { create: true }, ({ admin }) =>
    runImport(
      admin,
      { source, scope, collection, id, map, deleted },
      {
        note: (line) => terminal.note(printable(line)),
        progress: (now) => terminal.progress(progressText(now, source.share())),
        interrupt,
      },
    ),
  );
  terminal.progress('');
  const bad = report.rejected > 0 || report.stopped !== undefined;
  if (bad) context.exit = interrupt.aborted ? exitCodes.interrupted : exitCodes.failed;
  if (!flags.json) for (const line of complaints(report)) terminal.note(printable(line));
  answer(context, flags, { json: report, text: summary(report, { collection, scope }) });
}

function progressText({ read, rejected }: ImportReport, share: number | undefined): string {
  const percent = share === undefined ? '' : ` (${Math.floor(share * 100)} %)`;
  return `${countText(read, 'row')} read${percent}${rejected > 0 ? `, ${numberText(rejected)} rejected` : ''}`;
}

function complaints(report: ImportReport): string[] {
  const { rejected, rejections, waiting, waits, flagged, flags, stopped } = report;
  return [
    ...rejections.map((row) => `rejected  ${rowText(row)}`),
    ...(rejected > rejections.length
      ? [`… and ${numberText(rejected - rejections.length)} more rejected`]
      : []),
    ...waits.map((row) => `waiting   ${rowText(row)}`),
    ...(waiting > waits.length ? [`… and ${numberText(waiting - waits.length)} more waiting`] : []),
    ...flags.map((row) => `flagged   ${rowText(row)}`),
    ...(flagged > flags.length ? [`… and ${numberText(flagged - flags.length)} more flagged`] : []),
    ...(stopped ? [`Stopped: ${stopped.reason}`, `  ${stopped.help}`] : []),
  ];
}

function rowText({ line, field, reason }: RowReport): string {
  return `line ${line}${field === undefined ? '' : `, ${field}`}: ${reason}`;
}

function summary(report: ImportReport, { collection, scope }: { collection: string; scope: string }): string {
  const { read, created, changed, deleted, unchanged, waiting, flagged, rejected, leftOut } = report;
  const parts = [
    `${numberText(created)} created`,
    `${numberText(changed)} changed`,
    ...(deleted > 0 ? [`${numberText(deleted)} deleted`] : []),
    `${numberText(unchanged)} unchanged`,
    ...(waiting > 0 ? [`${numberText(waiting)} waiting`] : []),
    ...(flagged > 0 ? [`${numberText(flagged)} flagged`] : []),
    `${numberText(rejected)} rejected`,
    ...(leftOut > 0 ? [`${numberText(leftOut)} of deleted records left out (--deleted deletes them)`] : []),
  ];
  return `${collection} in ${scope}: ${countText(read, 'row')} read: ${parts.join(', ')}.`;
}

function collectMap(text: string, before: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as COLUMN=FIELD.');
  return new Map([...before, [text.slice(0, at).trim(), text.slice(at + 1).trim()]]);
}

function readDelimiter(text: string): string {
  const delimiter = text === '\\t' || text === 'tab' ? '\t' : text;
  if (delimiter.length === 1 && !/["\r\n]/.test(delimiter)) return delimiter;
  throw new InvalidArgumentError('Give one character, or tab.');
}

function readEncoding(text: string): string {
  if (isEncoding(text)) return text;
  throw new InvalidArgumentError('Give an encoding’s name, such as utf-8, utf-16le or windows-1252.');
}
