// A file is named for the concept that it holds, in kebab-case; what it needs to run stands before the ending (`x.pg.test.ts`). A decision
// has a number of its own.

import { type Tree, typeScriptFiles } from './tree.ts';

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*\.tsx?$/;
const kebabFolder = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const drawers = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'shared', 'types']);

export function checkFileNames(tree: Tree): string[] {
  return [...badNames(tree), ...sharedNumbers(tree)];
}

function sharedNumbers({ files }: Tree): string[] {
  const seen = new Set<string>();
  return files.flatMap(({ path }) => {
    const [, number] = /^docs\/decisions\/(\d+)-/.exec(path) ?? [];
    if (number === undefined) return [];
    const taken = seen.has(number);
    seen.add(number);
    return taken ? [`${path}: another decision has the number ${number}. Give it the next one`] : [];
  });
}

function badNames(tree: Tree): string[] {
  return typeScriptFiles(tree).flatMap(({ path }) => {
    const folders = path.split('/');
    const name = folders.pop() ?? '';
    const badFolders = folders.filter((folder) => !kebabFolder.test(folder));
    const drawer = [...folders, name.replace(/\..*$/, '')].find((part) => drawers.has(part));
    return [
      ...(kebabCase.test(name) ? [] : [`${path}: name it in kebab-case`]),
      ...badFolders.map((folder) => `${path}: name the folder ${folder} in kebab-case`),
      ...(drawer === undefined
        ? []
        : [`${path}: "${drawer}" names a drawer, no concept. Put each part with the concept that owns it`]),
    ];
  });
}
