// `npm run bench`: what Holdfast takes for six workloads, and what the machine allows, in one run; and what the contracts of other wire
// protocols promise.
//
//   npm run bench -- [--quick] [--only W1,W4] [--rounds 3] [--json FILE] [--profile FOLDER]

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Processes } from './processes.ts';
import { conditionsNow, jsonText, tableText } from './report.ts';
import type { Row } from './row.ts';
import { bootstrap } from './workloads/bootstrap.ts';
import { contracts } from './workloads/contracts.ts';
import { drain } from './workloads/drain.ts';
import { fanOut } from './workloads/fan-out.ts';
import { idle } from './workloads/idle.ts';
import { incremental } from './workloads/incremental.ts';
import type { Workload } from './workloads/workload.ts';
import { writes } from './workloads/writes.ts';

const workloads = new Map<string, Workload>([
  ['W1', bootstrap],
  ['W2', drain],
  ['W3', fanOut],
  ['W4', writes],
  ['W5', incremental],
  ['W6', idle],
  ['CONTRACTS', contracts],
]);

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const rounds = values.rounds === undefined ? (values.quick ? 1 : 3) : Number(values.rounds);
if (!(rounds >= 1 && rounds <= 100)) throw new RangeError('--rounds takes a number from 1 to 100.');
const chosen = (values.only ?? [...workloads.keys()].join()).split(',').map((name) => {
  const work = workloads.get(name.trim().toUpperCase());
  if (!work)
    throw new RangeError(`There is no workload ${name}; there are ${[...workloads.keys()].join(', ')}.`);
  return { name, work };
});

const processes = new Processes(values.profile);
const stop = (): void => {
  void processes.endAll().finally(() => process.exit(130));
};
process.once('SIGINT', stop).once('SIGTERM', stop);

const rows: Row[] = [];
try {
  for (const { name, work } of chosen) {
    process.stderr.write(`${name} …\n`);
    rows.push(...(await work({ processes, rounds, quick: values.quick })));
  }
} finally {
  await processes.endAll();
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const conditions = conditionsNow({ rounds, quick: values.quick, holdfast: version });
process.stdout.write(tableText(conditions, rows));
if (values.json !== undefined) writeFileSync(values.json, jsonText(conditions, rows));
