// The project's pages as data: their blocks of code, headings and links. It reads Markdown as it is written here (fences
// begin their line, links stand on one line), and must never pass over a block: a fence that does not end is an error.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

export interface Block {
  /** Path of the page from the root of the repository. */
  readonly page: string;
  /** Of the fence that opens it, from 1. */
  readonly line: number;
  /** The anchor of the heading that it stands under; '' before the first one. */
  readonly anchor: string;
  /** What stands behind the fence: the language, then words of ours. */
  readonly info: string;
  /** With the newline at its end. */
  readonly text: string;
}

export interface Link {
  /** Without the anchor; '' within the page. */
  readonly target: string;
  readonly anchor: string | undefined;
  readonly line: number;
}

export interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** Of all headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly Link[];
}

const FENCE = /^\s*```(.*)$/;
const HEADING = /^(#{1,6}) +(.*?) *#*$/;
const NOT_OURS = new Set([
  'node_modules',
  'dist',
  '.git',
  '.stryker-tmp',
  'coverage',
  'reports',
  '.work',
  'data',
]);

/** Every page of the repository, in order of their paths. */
export function allPages(): Page[] {
  return markdownFiles('').map(readPage);
}

export function readPage(path: string): Page {
  return parsePage(path, readFileSync(join(ROOT, path), 'utf8'));
}

export function parsePage(path: string, text: string): Page {
  const blocks: Block[] = [];
  const anchors = new Set<string>();
  const links: Link[] = [];
  let anchor = '';
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [at, content] of text.split('\n').entries()) {
    const line = at + 1;
    const fence = FENCE.exec(content);
    if (open !== undefined) {
      if (fence === null) open.lines.push(`${content}\n`);
      else {
        blocks.push({ page: path, line: open.line, anchor, info: open.info, text: open.lines.join('') });
        open = undefined;
      }
      continue;
    }
    if (fence !== null) {
      open = { line, info: (fence[1] ?? '').trim(), lines: [] };
      continue;
    }
    const heading = HEADING.exec(content);
    if (heading !== null) {
      anchor = freshAnchor(heading[2] ?? '', anchors);
      anchors.add(anchor);
    }
    links.push(...linksIn(content, line));
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block of code does not end`);
  return { path, text, blocks, anchors, links };
}

/** Where a link into a page leads: letters, digits and hyphens of the heading; repeated ones are numbered. */
function freshAnchor(heading: string, taken: ReadonlySet<string>): string {
  const plain = heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
    .replaceAll(' ', '-');
  let anchor = plain;
  for (let nth = 1; taken.has(anchor); nth++) anchor = `${plain}-${nth}`;
  return anchor;
}

function linksIn(content: string, line: number): Link[] {
  const prose = content.replaceAll(/`[^`]*`/g, 'code');
  return [...prose.matchAll(/\]\(([^)\s#]*)(?:#([^)\s]*))?\)/g)].map(([, target = '', anchor]) => ({
    target,
    anchor,
    line,
  }));
}

function markdownFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : markdownFiles(path);
      return entry.name.endsWith('.md') ? [path] : [];
    });
}
