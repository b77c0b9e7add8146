// Devices on real files, killed -9 at random moments while they write, send and receive: whatever was acknowledged to the
// application is there when they start again, whole, and in the end once, on the server and on every device.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Seen } from './replica-process.fixture.ts';
import { exchange, mutationOf, pullAll, startServer } from './server-process.fixture.ts';

const config = fileURLToPath(new URL('./crash.fixture.config.ts', import.meta.url));
const program = fileURLToPath(new URL('./replica-process.fixture.ts', import.meta.url));
const kills = 50;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-replica-crash-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Line {
  opened?: Seen;
  acknowledged?: number;
  settled?: true;
  ended?: Seen;
}

/** One device through all of its lives. */
class Device {
  readonly #name: string;
  readonly #url: string;
  readonly acknowledged: number[] = [];
  #process: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  constructor(name: string, url: string) {
    this.#name = name;
    this.#url = url;
  }

  async start(): Promise<void> {
    // The last one may be on the disk without having been acknowledged: its number is not used again.
    const first = String((this.acknowledged.at(-1) ?? 0) + 2);
    const args = [program, join(folder, `${this.#name}.db`), this.#url, this.#name, first];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { opened } = await this.#next();
    if (!opened) throw new Error(`${this.#name} did not say what it sees.`);
    this.expectWhole(opened);
  }

  /** Kills it when so many more mutations were acknowledged to it. */
  async killAfter(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1)
      this.acknowledged.push((await this.#next()).acknowledged ?? Number.NaN);
    const child = this.#child();
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    // What it had printed before it died was acknowledged as well.
    for (;;) {
      const { value, done } = await this.#reader().next();
      if (done) return;
      const line = lineOf(value);
      if (line?.acknowledged !== undefined) this.acknowledged.push(line.acknowledged);
    }
  }

  /** Writes no more, and resolves when all is sent. */
  async settle(): Promise<void> {
    this.#child().stdin?.write('enough\n');
    for (let line = await this.#next(); !line.settled; line = await this.#next())
      if (line.acknowledged !== undefined) this.acknowledged.push(line.acknowledged);
  }

  async end(): Promise<Seen> {
    const gone = once(this.#child(), 'exit');
    this.#child().stdin?.write('end\n');
    const { ended } = await this.#next();
    expect(await gone).toEqual([0, null]);
    if (!ended) throw new Error(`${this.#name} did not say what it sees.`);
    return ended;
  }

  destroy(): void {
    this.#process?.kill('SIGKILL');
  }

  expectWhole({ marks, sum }: Seen): void {
    const seen = new Set(marks);
    expect(this.acknowledged.filter((n) => !seen.has(`${this.#name}-${n}`))).toEqual([]);
    expect(Math.round(sum * 10)).toBe(marks.length);
  }

  async #next(): Promise<Line> {
    const { value, done } = await this.#reader().next();
    if (done) throw new Error(`${this.#name} ended by itself.`);
    return lineOf(value) ?? {};
  }

  #child(): ChildProcess {
    if (!this.#process) throw new Error(`${this.#name} was not started.`);
    return this.#process;
  }

  #reader(): AsyncIterator<string> {
    if (!this.#lines) throw new Error(`${this.#name} was not started.`);
    return this.#lines;
  }
}

/** The last line of a process that was killed may be cut. */
function lineOf(text: string): Line | undefined {
  return text.endsWith('}') ? (JSON.parse(text) as Line) : undefined;
}

test(`nothing acknowledged is lost, halved or doubled by ${kills} kills of devices`, {
  timeout: 600_000,
}, async () => {
  const server = await startServer({ data: join(folder, 'data'), config });
  const first = mutationOf([{ type: 'put', collection: 'totals', id: 'all', body: {} }]);
  await exchange(server.url, { replica: 'setup', batch: { n: 1, mutations: [first] } });
  const devices = ['till', 'tablet'].map((name) => new Device(name, server.url));
  try {
    await Promise.all(
      devices.map(async (device) => {
        for (let kill = 0; kill < kills / devices.length; kill += 1) {
          await device.start();
          await device.killAfter(1 + Math.floor(Math.random() * 25));
        }
        await device.start();
        await device.settle();
      }),
    );
    const [one, other] = await Promise.all(devices.map((device) => device.end()));
    expect(one).toEqual(other);
    for (const device of devices) device.expectWhole(one ?? { marks: [], sum: 0 });
    const records = await pullAll(server.url, 'reader', 1_000);
    const marks = [...records.keys()].flatMap((key) => (key.startsWith('marks/') ? [key.slice(6)] : []));
    expect(marks.sort()).toEqual(one?.marks);
    expect(records.get('totals/all')?.body?.sum).toBe(one?.sum);
  } finally {
    for (const device of devices) device.destroy();
    expect(await server.end()).toBe(0);
  }
});
