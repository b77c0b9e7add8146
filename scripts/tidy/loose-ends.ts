// What is left for later has an owner, and what is switched off has a reason.

import { hasReasonAbove, type SourceFile, type Tree, typeScriptFiles } from './tree.ts';

const mark = /\b(TODO|FIXME|XXX)\b/;
// `TODO(name): what is to be done, as a sentence.`
const owned = /\b(TODO|FIXME|XXX)\([\w .@-]+\): \S+(\s+\S+){2,}/;

export function checkLooseEnds(tree: Tree): string[] {
  const marks = typeScriptFiles(tree).flatMap((file) =>
    file.syntax().comments.flatMap((comment) => judgeComment(file, comment)),
  );
  const switches = tree.files.filter((file) => /(^|\/)biome\.jsonc?$/.test(file.path)).flatMap(judgeSwitches);
  return [...marks, ...switches];
}

function judgeComment(file: SourceFile, { text, line }: { text: string; line: number }): string[] {
  return text.split('\n').flatMap((part, index) => {
    const found = mark.exec(part)?.[1];
    if (found === undefined || owned.test(part)) return [];
    return [
      `${file.path}:${line + index}: ${found} without an owner. Do it, or write "${found}(name): what is to be done."`,
    ];
  });
}

function judgeSwitches(file: SourceFile): string[] {
  return file.lines.flatMap((line, index) => {
    const rule = /"(\w+)":\s*(?:\{\s*"level":\s*)?"off"/.exec(line)?.[1];
    if (rule === undefined || hasReasonAbove(file, index + 1)) return [];
    return [`${file.path}:${index + 1}: ${rule} is off without its reason in a comment on the line above`];
  });
}
