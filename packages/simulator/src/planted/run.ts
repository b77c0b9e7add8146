// Plants every bug in turn, runs seeds until one fails, and prints the table of docs/reliability.md.
//
//   node packages/simulator/src/planted/run.ts [seeds at most] [name of one bug]

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runLane } from '../lane.ts';
import { addSeries, noSeries } from '../series.ts';
import { plantedBugs } from './bugs.ts';
import { copySources } from './copy.ts';

const [seedsMax = '200', only] = process.argv.slice(2);
const copy = copySources(join(import.meta.dirname, '../../../..'));
let missed = 0;
try {
  for (const bug of plantedBugs.filter(({ name }) => only === undefined || name === only)) {
    copy.plant(bug);
    const total = noSeries();
    await runLane(
      { first: 1, step: 1, count: Number(seedsMax), stopAtFailure: true },
      {
        stop: new AbortController().signal,
        worker: pathToFileURL(copy.worker),
        ended: (result) => addSeries(total, result),
      },
    );
    const { seeds, failures } = total;
    const [failure] = failures;
    if (!failure) missed += 1;
    const caught = failure ? `${seeds} | ${failure.invariant}` : `not in ${seeds} | `;
    process.stdout.write(`| \`${bug.name}\` | ${bug.harm} | ${caught} |\n`);
  }
} finally {
  copy.remove();
}
process.exitCode = missed === 0 ? 0 : 1;
