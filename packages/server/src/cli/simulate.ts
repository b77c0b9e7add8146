// `holdfast simulate`: a simulated fleet tries to break every promise. It opens no port and no file. The simulator is a process
// of its own: it knows the replica too, which the server does not.

import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../clock.ts';
import { type AddCommand, answer, type CommandContext, describeCommand, readWhole } from './command.ts';
import { CommandError } from './failure.ts';
import { exitCodes, facts, numberText } from './terminal.ts';

interface Flags {
  seed?: number;
  seeds?: number;
  minutes?: number;
  store?: string;
  json?: boolean;
}

/** What the simulator prints. */
interface Result {
  seeds: number;
  /** By kind. */
  operations: Record<string, number>;
  /** Of all processes together. */
  cpuMs: number;
  virtualMs: number;
  struck: Record<string, number>;
  failures: readonly { seed: number; invariant: string; message: string }[];
  coverage: readonly { kind: string; state: string; struck: number }[];
  story: string;
}

export const addSimulate: AddCommand = (program, context) => {
  describeCommand(program, {
    usage: 'simulate',
    summary: 'let a simulated fleet try to break every promise',
    description:
      'Runs the real replica and the real engine under a virtual clock, with a network, disks and processes that fail as a seed says. The same seed is the same history.',
    examples: [
      'holdfast simulate --minutes 1',
      'holdfast simulate --seed 42 --seeds 1  # one seed; a failure is told step by step',
      'holdfast simulate --minutes 10 --store sqlite --json',
    ],
  })
    .option('--seed <n>', 'the first seed (default: 1)', readWhole({ min: 0, max: 4_294_967_295 }))
    .option('--seeds <n>', 'how many seeds at most', readWhole({ min: 1, max: 1_000_000_000 }))
    .option('--minutes <n>', 'begin no seed after so many (default: 1)', readWhole({ min: 1, max: 100_000 }))
    .option('--store <kind>', 'memory or sqlite (default: as each seed says)')
    .option('--json', 'answer with one JSON value on standard output')
    .action((flags: Flags) => simulate(context, flags));
};

async function simulate(context: CommandContext, flags: Flags): Promise<void> {
  const { seed = 1, seeds = 1_000_000_000, minutes = 1, store } = flags;
  if (store !== undefined && store !== 'memory' && store !== 'sqlite') {
    throw new CommandError('usage', {
      message: `There is no store ${store}.`,
      help: 'Say memory or sqlite.',
      exit: exitCodes.usage,
    });
  }
  const beginMs = systemClock.monoMs();
  const result = await runSimulator({
    seed,
    seeds,
    minutes,
    processes: availableParallelism(),
    ...(store ? { store } : {}),
  });
  const ms = systemClock.monoMs() - beginMs;
  const { story, operations: operationsByKind, cpuMs, ...rest } = result;
  const operations = sumOf(operationsByKind);
  const speed: Speed = {
    operations,
    operationsPerMinute: Math.round((operations / ms) * 60_000),
    operationsPerCpuMinute: Math.round((operations / cpuMs) * 60_000),
  };
  if (result.failures.length > 0) context.exit = exitCodes.failed;
  const seconds = { seconds: Math.round(ms / 1_000), cpuSeconds: Math.round(cpuMs / 1_000) };
  answer(context, flags, {
    json: { firstSeed: seed, ...seconds, ...speed, operationsByKind, ...rest },
    text: [summary(result, { seed, speed }), ...(story ? ['', story] : [])].join('\n'),
  });
}

interface Speed {
  operations: number;
  /** Of real time, on all cores. */
  operationsPerMinute: number;
  /** Of one core's time, which other work on the machine does not change. */
  operationsPerCpuMinute: number;
}

function summary(result: Result, run: { seed: number; speed: Speed }): string {
  const { operations, operationsPerMinute, operationsPerCpuMinute } = run.speed;
  const struck = sumOf(result.struck);
  const missing = result.coverage.filter((cell) => cell.struck === 0);
  return facts([
    ['seeds', `${numberText(result.seeds)} from ${run.seed}`],
    ['operations', `${numberText(operations)}, ${numberText(operationsPerMinute)} a minute`],
    ['per core', `${numberText(operationsPerCpuMinute)} a minute of its time`],
    ['virtual time', `${(result.virtualMs / 3_600_000).toFixed(1)} hours`],
    ['faults', numberText(struck)],
    ['never met', missing.map(({ kind, state }) => `${kind} (${state})`).join(', ') || 'nothing'],
    ['failures', result.failures.map(({ seed, invariant }) => `${seed}: ${invariant}`).join(', ') || 'none'],
  ]);
}

function sumOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function runSimulator(task: object): Promise<Result> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(import.meta.resolve('@holdfast/simulator/main'));
    const child = spawn(process.execPath, [file, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Result);
      else reject(new Error(`The simulator ended with ${code}.`));
    });
  });
}
