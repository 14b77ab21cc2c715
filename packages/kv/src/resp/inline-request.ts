// The inline form of a request: words on a line, as a person types them into a socket. Quoting as in Redis's
// sdssplitargs: "..." with \xHH, \n, \r, \t, \b, \a and \<any>; '...' with \' alone; a closing quote ends its word.

const HEX_PAIR = /^[0-9a-fA-F]{2}/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/** The words of `line`; undefined when quotes are unbalanced. */
export function splitInlineRequest(line: string): string[] | undefined {
  const words: string[] = [];
  let offset = skipSpace(line, 0);
  while (offset < line.length) {
    const word = readWord(line, offset);
    if (word === undefined) return undefined;
    words.push(word.text);
    offset = skipSpace(line, word.end);
  }
  return words;
}

interface Word {
  readonly text: string;
  readonly end: number;
}

function readWord(line: string, start: number): Word | undefined {
  let text = '';
  let offset = start;
  while (offset < line.length) {
    const character = line.charAt(offset);
    if (isSpace(character)) break;
    if (character === '"' || character === "'") {
      const quoted = character === '"' ? readDouble(line, offset + 1) : readSingle(line, offset + 1);
      if (quoted === undefined) return undefined;
      if (quoted.end < line.length && !isSpace(line.charAt(quoted.end))) return undefined;
      return { text: text + quoted.text, end: quoted.end };
    }
    text += character;
    offset += 1;
  }
  return { text, end: offset };
}

function readDouble(line: string, start: number): Word | undefined {
  let text = '';
  let offset = start;
  while (offset < line.length) {
    const character = line.charAt(offset);
    if (character === '"') return { text, end: offset + 1 };
    if (character !== '\\' || offset + 1 >= line.length) {
      text += character;
      offset += 1;
      continue;
    }
    const escaped = line.charAt(offset + 1);
    const hex = line.slice(offset + 2, offset + 4);
    if (escaped === 'x' && HEX_PAIR.test(hex)) {
      text += String.fromCharCode(Number.parseInt(hex, 16));
      offset += 4;
    } else {
      text += ESCAPES[escaped] ?? escaped;
      offset += 2;
    }
  }
  return undefined;
}

function readSingle(line: string, start: number): Word | undefined {
  let text = '';
  let offset = start;
  while (offset < line.length) {
    const character = line.charAt(offset);
    if (character === "'") return { text, end: offset + 1 };
    const isEscapedQuote = character === '\\' && line.charAt(offset + 1) === "'";
    text += isEscapedQuote ? "'" : character;
    offset += isEscapedQuote ? 2 : 1;
  }
  return undefined;
}

function skipSpace(line: string, start: number): number {
  let offset = start;
  while (offset < line.length && isSpace(line.charAt(offset))) offset += 1;
  return offset;
}

function isSpace(character: string): boolean {
  return character === ' ' || (character >= '\t' && character <= '\r') || character === '\0';
}
