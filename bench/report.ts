// The result as a table for people and as JSON for programs.

import { cpus, totalmem } from 'node:os';
import { type Goal, judge, type Row } from './row.ts';

export interface Conditions {
  date: string;
  machine: string;
  versions: { holdfast: string; node: string; sqlite: string };
  rounds: number;
  quick: boolean;
}

export function conditionsNow(
  given: Pick<Conditions, 'rounds' | 'quick'> & { holdfast: string },
): Conditions {
  const [cpu] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return {
    date: new Date().toISOString(),
    machine: `${process.platform} ${process.arch}, ${cpus().length} × ${cpu?.model ?? 'unknown'}, ${gibibytes} GiB`,
    versions: {
      holdfast: given.holdfast,
      node: process.versions.node,
      sqlite: process.versions.sqlite ?? '',
    },
    rounds: given.rounds,
    quick: given.quick,
  };
}

export function jsonText(conditions: Conditions, rows: readonly Row[]): string {
  return `${JSON.stringify({ ...conditions, rows: rows.map((row) => ({ ...row, ...medians(row) })) }, null, 2)}\n`;
}

function medians(row: Row): object {
  const { ours, against, ...judged } = judge(row);
  return {
    oursMedian: ours,
    ...(against === undefined ? {} : { againstMedian: against }),
    ...judged,
  };
}

export function tableText(conditions: Conditions, rows: readonly Row[]): string {
  const { date, machine, versions, rounds } = conditions;
  const lines = [titles, ...rows.map(cells)];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const table = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    `${date}, ${machine}`,
    `holdfast ${versions.holdfast}, Node ${versions.node}, SQLite ${versions.sqlite}; median of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    '',
    ...table,
    '',
  ].join('\n');
}

const titles = ['', 'what', 'Holdfast', 'limit', 'ratio', 'goal', ''];

function cells(row: Row): string[] {
  const { ours, against, share, times, met } = judge(row);
  const ratio = row.goal?.of === 'share' || row.unit === 'writes/s' ? percent(share) : factor(times);
  return [
    row.workload,
    row.what,
    figure(ours, row.unit),
    against === undefined
      ? ''
      : `${figure(against, row.unit)}${row.againstWhat ? ` (${row.againstWhat})` : ''}`,
    ratio,
    goalText(row.goal, row.unit),
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ];
}

function goalText(goal: Goal | undefined, unit: string): string {
  if (!goal) return '';
  const { of, least, most } = goal;
  const text = (bound: number): string =>
    of === 'share' ? percent(bound) : of === 'times' ? factor(bound) : figure(bound, unit);
  return [
    ...(least === undefined ? [] : [`at least ${text(least)}`]),
    ...(most === undefined ? [] : [`at most ${text(most)}`]),
  ].join(', ');
}

function figure(value: number, unit: string): string {
  return `${value >= 100 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(3))} ${unit}`;
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${Math.round(share * 100)} %`;
}

function factor(times: number | undefined): string {
  return times === undefined ? '' : `${Number(times.toPrecision(3))} ×`;
}
