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
    this.comesMs = late.chance(0.4) ? late.below(40_000) : 0;
    this.#draw = stream(`stages ${device}`);
    this.#isStaged = this.#draw.chance(0.6);
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

/** No server knows of secrets, nor an old one of papers. */
const names = ['items', 'notes', 'shelves', 'meters', 'rates', 'flags', 'papers', 'secrets'];

/** Money first, most often: what is moved along with a note or a sale is then open in one part and not in the other. */
function drawStages(draw: Stream): Stages {
  const later = Array.from({ length: 1 + draw.below(3) }, () => [draw.pick(names)]);
  return draw.chance(0.7) ? [['accounts'], ...later] : [...later, ['accounts']];
}
