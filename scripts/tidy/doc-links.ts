// Links between documents lead somewhere: the file is there, and so is the heading behind `#`.

import { posix } from 'node:path';
import type { SourceFile, Tree } from './tree.ts';

export function checkDocLinks(tree: Tree): string[] {
  return tree.files
    .filter((file) => file.path.endsWith('.md'))
    .flatMap((file) =>
      links(file).flatMap(({ target, line }) =>
        judge(tree, file, target).map((why) => `${file.path}:${line}: ${why}`),
      ),
    );
}

function judge(tree: Tree, file: SourceFile, target: string): string[] {
  const [address = '', heading] = target.split('#');
  const path =
    address === '' ? file.path : posix.join(posix.dirname(file.path), decodeURI(address)).replace(/\/$/, '');
  if (address.startsWith('/'))
    return [`the link ${target} begins at the root. Write it from this file's folder`];
  if (path !== '.' && !tree.has(path)) return [`the link ${target} leads nowhere. Mend or remove it`];
  const document = tree.get(path);
  if (heading === undefined || !document?.path.endsWith('.md') || anchors(document).has(heading)) return [];
  return [`the link ${target} names a heading that ${path} does not have. Mend or remove it`];
}

/** Inline links and images, and definitions `[name]: target`; no code, and nothing that begins with a scheme. */
function links(file: SourceFile): { target: string; line: number }[] {
  return prose(file).flatMap((text, index) => {
    const inline = text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g);
    const defined = text.matchAll(/^\s*\[[^\]]+\]:\s*<?([^\s>]+)/g);
    return [...inline, ...defined]
      .map(([, target = '']) => ({ target, line: index + 1 }))
      .filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
  });
}

/** The anchors that GitHub gives to headings. */
function anchors(file: SourceFile): Set<string> {
  const found = new Set<string>();
  for (const line of prose(file, { keepCode: true })) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    for (let copy = 0; ; copy++) {
      const anchor = copy === 0 ? slug : `${slug}-${copy}`;
      if (found.has(anchor)) continue;
      found.add(anchor);
      break;
    }
  }
  return found;
}

/** The lines of a document, with fenced blocks emptied and, unless kept, inline code too. */
function prose(file: SourceFile, { keepCode = false } = {}): string[] {
  let fence: string | undefined;
  return file.lines.map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined;
      return '';
    }
    fence = mark;
    if (mark !== undefined) return '';
    return keepCode ? line : line.replace(/`[^`]*`/g, '');
  });
}
