// Records as the text of a file, in a form that `import` reads back as the same records. Pure.

import type { ExportPage } from '../../admin/admin.ts';
import type { Format } from '../import/source.ts';

/** What stands before the first page. */
export function openingOf(format: Format): string {
  return format === 'json' ? '[' : '';
}

/** `isFirst`: no record was written before. */
export function pageText(format: Format, page: ExportPage, isFirst: boolean): string {
  const { lines = [], columns = [], rows = [] } = page;
  if (format === 'csv') return [...(isFirst ? [columns] : []), ...rows].map(rowText).join('');
  if (format === 'ndjson') return lines.map((line) => `${line}\n`).join('');
  return lines.map((line, place) => `${isFirst && place === 0 ? '' : ','}\n${line}`).join('');
}

/** What stands behind the last page. */
export function closingOf(format: Format): string {
  return format === 'json' ? '\n]\n' : '';
}

/** A row as RFC 4180 has it, except that a line ends with a plain line feed. */
function rowText(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",;|\t\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`;
}
