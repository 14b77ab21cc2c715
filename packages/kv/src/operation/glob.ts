// Patterns as Redis has them: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a character that is meant as it is.
// Case matters. A `*` that fails goes on from the last `*` alone: a hostile pattern costs the product of both lengths, never more.

/** Whether the whole text matches. */
export type Matcher = (text: string) => boolean;

/** Long patterns over long keys cost time on every replica: longer ones match nothing that they should. */
export const PATTERN_CHARACTERS_MAX = 1024;

type Token =
  | { readonly type: 'literal'; readonly character: string }
  | { readonly type: 'any' }
  | { readonly type: 'many' }
  | {
      readonly type: 'set';
      readonly isNegated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

export interface Pattern {
  readonly matches: Matcher;
  /** Every text that matches begins with this. */
  readonly prefix: string;
}

export function compilePattern(pattern: string): Pattern {
  const tokens = tokenize(pattern);
  let prefix = '';
  for (const token of tokens) {
    if (token.type !== 'literal') break;
    prefix += token.character;
  }
  const isPrefixOnly = tokens.length === prefix.length + 1 && tokens.at(-1)?.type === 'many';
  if (isPrefixOnly) return { prefix, matches: (text) => text.startsWith(prefix) };
  return { prefix, matches: (text) => matchTokens(tokens, text) };
}

function matchTokens(tokens: readonly Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < text.length) {
    const present = tokens[token];
    if (present?.type === 'many') {
      starToken = token;
      starAt = at;
      token += 1;
    } else if (present !== undefined && matchesOne(present, text.charAt(at))) {
      token += 1;
      at += 1;
    } else if (starToken >= 0) {
      token = starToken + 1;
      starAt += 1;
      at = starAt;
    } else return false;
  }
  while (tokens[token]?.type === 'many') token += 1;
  return token === tokens.length;
}

function matchesOne(token: Token, character: string): boolean {
  switch (token.type) {
    case 'literal':
      return token.character === character;
    case 'any':
      return true;
    case 'set':
      return token.ranges.some(([from, to]) => from <= character && character <= to) !== token.isNegated;
    case 'many':
      return false;
  }
}

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < pattern.length) {
    const character = pattern.charAt(at);
    if (character === '*') {
      if (tokens.at(-1)?.type !== 'many') tokens.push({ type: 'many' });
    } else if (character === '?') tokens.push({ type: 'any' });
    else if (character === '[') {
      const set = readSet(pattern, at + 1);
      tokens.push(set.token);
      at = set.end;
      continue;
    } else if (character === '\\' && at + 1 < pattern.length) {
      at += 1;
      tokens.push({ type: 'literal', character: pattern.charAt(at) });
    } else tokens.push({ type: 'literal', character });
    at += 1;
  }
  return tokens;
}

/** The set that begins behind `[`. One that is not closed goes to the end of the pattern. */
function readSet(pattern: string, start: number): { readonly token: Token; readonly end: number } {
  const ranges: [string, string][] = [];
  const isNegated = pattern.charAt(start) === '^';
  let at = isNegated ? start + 1 : start;
  while (at < pattern.length && pattern.charAt(at) !== ']') {
    if (pattern.charAt(at) === '\\' && at + 1 < pattern.length) at += 1;
    const from = pattern.charAt(at);
    if (pattern.charAt(at + 1) === '-' && at + 2 < pattern.length) {
      const to = pattern.charAt(at + 2);
      ranges.push(from <= to ? [from, to] : [to, from]);
      at += 3;
    } else {
      ranges.push([from, from]);
      at += 1;
    }
  }
  return { token: { type: 'set', isNegated, ranges }, end: at + 1 };
}
