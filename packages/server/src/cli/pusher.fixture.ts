// A process of its own that pushes batches and prints what was acknowledged, a line each. Arguments: url, name, batches.

import { exchange, mutationOf } from './server-process.fixture.ts';

const [url = '', name = '', batches = '0'] = process.argv.slice(2);

for (let n = 1; n <= Number(batches); n++) {
  // Two records in one mutation: a reader must see both or neither.
  const mutation = mutationOf([
    { type: 'put', collection: 'marks', id: `${name}-${n}-left`, body: { worker: 0, n, amount: 1 } },
    { type: 'put', collection: 'marks', id: `${name}-${n}-right`, body: { worker: 0, n, amount: 1 } },
    { type: 'add', collection: 'totals', id: 'all', amounts: { sum: 0.1 } },
  ]);
  const { answer } = await exchange(url, { replica: name, limit: 0, batch: { n, mutations: [mutation] } });
  process.stdout.write(`${answer.verdicts.map(({ verdict, seq }) => `${verdict} ${seq}`).join()}\n`);
}
