// docs/words.md holds the words of the project and, in the third column of its table, the synonyms that are not used for them.
//
//   | **record** | one JSON object … | row, document, entity |
//   | **device** | …                 | client, node (Node.js: `client/node`) |
//
// A synonym is looked for as a whole word of a camelCase name, singular or plural. The places in back-quotes behind it (as the import table
// writes them, one file or a folder) may use it: there it means something else.

import { placeOf } from './modules.ts';
import { productFiles, type Tree } from './tree.ts';

const wordsPath = 'docs/words.md';
const checkedPlaces = ['core/', 'client/', 'server/engine/'];

export interface Name {
  name: string;
  /** As the import table writes places. */
  place: string;
  /** For people: file and line. */
  where: string;
}

export interface Synonym {
  /** `deadLetter` for "dead letter". */
  parts: readonly string[];
  word: string;
  allowedIn: readonly string[];
}

export function checkWords(tree: Tree): string[] {
  const synonyms = readSynonyms(tree);
  if (synonyms.length === 0)
    return [
      `${wordsPath}: has no table with the columns word, meaning, not. Write one: see scripts/tidy/words.ts`,
    ];
  return judgeNames(synonyms, exportedNames(tree));
}

export function readSynonyms(tree: Tree): Synonym[] {
  return (tree.get(wordsPath)?.lines ?? []).flatMap((line) => {
    const [, word, , not] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const bold = /^\*\*(.+?)\*\*/.exec(word ?? '')?.[1];
    return bold === undefined || not === undefined ? [] : readSynonymCell(bold, not);
  });
}

export function judgeNames(synonyms: readonly Synonym[], names: readonly Name[]): string[] {
  return names.flatMap(({ name, place, where }) =>
    synonyms
      .filter((synonym) => contains(wordsOf(name), synonym.parts))
      .filter(
        (synonym) =>
          !synonym.allowedIn.some((allowed) => place === allowed || place.startsWith(`${allowed}/`)),
      )
      .map(
        ({ parts, word }) =>
          `${where}: ${name} says "${parts.join(' ')}". Our word is "${word}" (${wordsPath})`,
      ),
  );
}

/** The keys of every zod schema that a module exports, however deep. */
export function messageKeys(module: Readonly<Record<string, unknown>>): { name: string; path: string }[] {
  const found: { name: string; path: string }[] = [];
  const seen = new Set<unknown>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    const schema =
      '_zod' in value ? (value as { _zod: { def: Record<string, unknown> } })._zod.def : undefined;
    if (schema === undefined) {
      if (Array.isArray(value)) for (const part of value) walk(part, path);
      return;
    }
    for (const [name, part] of Object.entries((schema.shape as object | undefined) ?? {})) {
      found.push({ name, path });
      walk(part, `${path}.${name}`);
    }
    // Whatever a schema is made of (element, options, innerType, left, right …) stands in its definition.
    for (const part of Object.values(schema)) walk(part, path);
  };
  for (const [name, value] of Object.entries(module)) walk(value, name);
  return found;
}

function exportedNames(tree: Tree): Name[] {
  return productFiles(tree)
    .filter((file) => checkedPlaces.some((place) => placeOf(file.path).startsWith(place)))
    .flatMap((file) =>
      file.syntax().exports.map(({ name, line }) => ({
        name,
        place: placeOf(file.path),
        where: `${file.path}:${line}`,
      })),
    );
}

function readSynonymCell(word: string, cell: string): Synonym[] {
  return [...cell.matchAll(/([a-z][a-z ]*)(?:\(([^)]*)\))?/g)].map(([, synonym = '', note = '']) => ({
    word,
    parts: synonym.trim().split(' '),
    allowedIn: [...note.matchAll(/`([^`]+)`/g)].map(([, place = '']) => place),
  }));
}

function wordsOf(name: string): string[] {
  return (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? []).map((word) => singular(word.toLowerCase()));
}

function singular(word: string): string {
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (word.endsWith('uses')) return word.slice(0, -2);
  return /(?<![su])s$/.test(word) ? word.slice(0, -1) : word;
}

function contains(words: readonly string[], parts: readonly string[]): boolean {
  return words.some((_, start) => parts.every((part, index) => words[start + index] === part));
}
