// How a device begins: late perhaps, when there is something to read already, and with a first sync that opens by stages of
// collections.

import type { Stream } from './random.ts';
import type { SchemaVersion } from './schema.ts';
import type { World } from './world.ts';

type Stages = readonly (readonly string[])[];

export class FirstSync {
  /** When the device comes, in virtual milliseconds. */
  readonly comesMs: number;
  readonly #draw: Stream;
  readonly #isStaged: boolean;
  #stages: Stages;

  constructor({ stream }: World, device: string) {
    const late = stream(`late ${device}`);
    this.comesMs = late.chance(0.3) ? late.below(30_000) : 0;
    this.#draw = stream(`stages ${device}`);
    this.#isStaged = this.#draw.chance(0.45);
    this.#stages = drawStages(this.#draw);
  }

  /** For a process that begins: its application may have been changed, and want other stages than the one before. */
  stagesOf(version: SchemaVersion): Stages {
    const others = drawStages(this.#draw);
    if (this.#draw.chance(0.2)) this.#stages = others;
    if (!this.#isStaged) return [];
    return version === 2
      ? this.#stages
      : this.#stages.map((names) => names.filter((name) => name !== 'papers'));
  }
}

/** Money twice: what it adds up to shows more than anything else. The server knows nothing of secrets, nor an old one of papers. */
const names = ['accounts', 'accounts', 'items', 'notes', 'sales', 'shelves', 'meters', 'papers', 'secrets'];

function drawStages(draw: Stream): Stages {
  return Array.from({ length: 1 + draw.below(3) }, () =>
    Array.from({ length: 1 + draw.below(2) }, () => draw.pick(names)),
  );
}
