// A copy of the sources in a temporary folder, in which one place is made wrong: whoever checks must notice.

import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface PlantedBug {
  name: string;
  /** What a user would lose by it. */
  harm: string;
  /** From the workspace's root. */
  file: string;
  find: string;
  replace: string;
}

export interface Copy {
  worker: string;
  /** Makes the copy wrong in this one place, and right everywhere else. */
  plant(bug: PlantedBug): void;
  remove(): void;
}

/** The text with the bug in it. Throws when the place is not there exactly once: then the bug must be planted anew. */
export function planted(text: string, { name, file, find, replace }: PlantedBug): string {
  const found = text.split(find).length - 1;
  if (found !== 1)
    throw new Error(`The bug ${name} is to be planted in ${file}, where its place is found ${found} times.`);
  return text.replace(find, () => replace);
}

const packages = ['core', 'client', 'server', 'simulator'];

export function copySources(root: string): Copy {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-planted-'));
  for (const name of packages) {
    const from = join(root, 'packages', name);
    cpSync(from, join(folder, 'packages', name), {
      recursive: true,
      filter: (path) => !path.endsWith('.test.ts') && !path.includes('node_modules'),
    });
  }
  linkModules(join(root, 'node_modules'), join(folder, 'node_modules'));
  let last: string | undefined;
  return {
    worker: join(folder, 'packages/simulator/src/worker.ts'),
    plant(bug) {
      if (last !== undefined) cpSync(join(root, last), join(folder, last));
      writeFileSync(join(folder, bug.file), planted(readFileSync(join(root, bug.file), 'utf8'), bug));
      last = bug.file;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Our packages lead to the copy, all others to where they are. */
function linkModules(from: string, to: string): void {
  mkdirSync(join(to, '@holdfast'), { recursive: true });
  for (const name of readdirSync(from))
    if (name !== '@holdfast' && name !== 'holdfast' && !name.startsWith('.'))
      symlinkSync(join(from, name), join(to, name));
  for (const name of packages) {
    const link = name === 'server' ? 'holdfast' : join('@holdfast', name);
    symlinkSync(join(dirname(to), 'packages', name), join(to, link));
  }
}
