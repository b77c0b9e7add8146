// The house rules. What Biome can say is in biome.jsonc (cycles, default exports, clocks and randomness, Node in core); the rest is here.
// A rule is a function from the tree of files to complaints, one file each in scripts/tidy; tidy-rules.test.ts shows that each can fail.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkDeadFiles } from './tidy/dead-files.ts';
import { checkDocLinks } from './tidy/doc-links.ts';
import { checkFileNames } from './tidy/file-names.ts';
import { checkImportTable } from './tidy/import-table.ts';
import { checkLengths } from './tidy/lengths.ts';
import { checkLooseEnds } from './tidy/loose-ends.ts';
import { checkPortableText } from './tidy/portable-text.ts';
import { checkTestManners } from './tidy/test-manners.ts';
import { type Rule, readTree } from './tidy/tree.ts';
import { checkWords, judgeNames, messageKeys, readSynonyms } from './tidy/words.ts';

const root = join(import.meta.dirname, '..');
const tree = readTree(root);

const rules: Record<string, Rule> = {
  'imports obey the table in docs/architecture.md': checkImportTable,
  'exported names use the words of docs/words.md': checkWords,
  'files and functions are short': checkLengths,
  'every source file is used': checkDeadFiles,
  'links in documents lead somewhere': checkDocLinks,
  'no text names the machine or the registry': checkPortableText,
  'files are named for concepts, in kebab-case': checkFileNames,
  'tests run whole and do not sleep': checkTestManners,
  'what is left open has an owner, what is off has a reason': checkLooseEnds,
};

test.each(Object.entries(rules))('%s', (_, rule) => {
  expect(rule(tree).join('\n')).toBe('');
});

test('message keys use the words of docs/words.md', async () => {
  const path = 'packages/core/src/messages.ts';
  const messages = tree.has(path) ? ((await import(join(root, path))) as Record<string, unknown>) : {};
  const names = messageKeys(messages).map(({ name, path: inside }) => ({
    name,
    place: 'core/messages.ts',
    where: `${path}, ${inside}`,
  }));
  expect(judgeNames(readSynonyms(tree), names).join('\n')).toBe('');
});

test('tests run on the Node that package.json pins', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>;
  };
  expect(Object.values(optionalDependencies), 'Start tests with npm test').toContain(process.versions.node);
});
