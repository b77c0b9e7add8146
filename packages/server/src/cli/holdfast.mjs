#!/usr/bin/env node
// The command `holdfast`. This file stands alone and is plain JavaScript, so that a Node that cannot read the rest (TypeScript) can
// at least say so.

import * as module from 'node:module';

const nodeMajorMin = 24;

if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
  process.stderr.write(
    `holdfast: needs Node ${nodeMajorMin} or newer, and this is ${process.versions.node}. Install one. (In a copy of Holdfast’s own sources, npx holdfast uses the one that came with them.)\n`,
  );
  process.exitCode = 1;
} else {
  // Compiled code is kept from run to run: a command begins in half the time.
  module.enableCompileCache?.();
  await import('./main.ts');
}
