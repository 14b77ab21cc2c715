// Every link between the pages leads to a file that is there, and to a heading that is in it.

import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allPages, type Page, parsePage, ROOT } from './markdown.js';

const PAGES = new Map(allPages().map((page) => [page.path, page]));

describe('links', () => {
  it.each([...PAGES.values()])('of $path lead to what is there', (page) => {
    expect(brokenLinks(page)).toEqual([]);
  });

  it('are found in the pages at all, and a wrong one would be', () => {
    expect([...PAGES.values()].reduce((sum, { links }) => sum + links.length, 0)).toBeGreaterThan(150);
    const text =
      '# One\n[a](nowhere.md) [b](#one) [c](#two) [d](README.md#no-such-heading) [e](https://a.example/b)\n';
    expect(brokenLinks(parsePage('x.md', text))).toEqual([
      'x.md:2: there is no nowhere.md',
      'x.md:2: x.md has no heading two',
      'x.md:2: README.md has no heading no-such-heading',
    ]);
  });

  it('every page can be reached from the README', () => {
    const reached = new Set(['README.md']);
    for (const path of reached) {
      for (const { target } of PAGES.get(path)?.links ?? []) {
        const there = posix.join(posix.dirname(path), target);
        for (const candidate of [there, `${there}/README.md`]) {
          if (PAGES.has(candidate)) reached.add(candidate);
        }
      }
    }
    // Decisions are listed by their folder, and what changed stands beside each package.
    const lost = [...PAGES.keys()].filter(
      (path) => !reached.has(path) && !path.startsWith('docs/decisions/') && !path.endsWith('/CHANGELOG.md'),
    );
    expect(lost).toEqual([]);
  });
});

function brokenLinks(page: Page): string[] {
  return page.links.flatMap(({ target, anchor, line }) => {
    if (/^[a-z]+:/.test(target)) return [];
    const where = `${page.path}:${line}`;
    const path = target === '' ? page.path : posix.join(posix.dirname(page.path), target);
    if (target !== '' && !existsSync(join(ROOT, path))) return [`${where}: there is no ${target}`];
    if (anchor === undefined) return [];
    const there = path === page.path ? page : PAGES.get(path);
    return there?.anchors.has(anchor) ? [] : [`${where}: ${path} has no heading ${anchor}`];
  });
}
