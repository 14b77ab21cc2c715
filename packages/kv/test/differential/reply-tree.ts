// Replies of RESP2 and RESP3 as they came, taken apart as far as a comparison needs it. Two replies are the same bytes
// exactly when their trees are equal: nothing is left out of a tree but what follows from the rest of it.

/** `sign` is the first character; `text` of what has no members, undefined for a nil. */
export interface ReplyTree {
  readonly sign: string;
  readonly text: string | undefined;
  readonly members: readonly ReplyTree[];
}

const AGGREGATES = new Set(['*', '~', '>', '%']);
const BLOBS = new Set(['$', '=', '!']);

/** The reply that begins at `start`, and where it ends; undefined while it is not complete. */
export function readReply(
  bytes: string,
  start: number,
): { readonly tree: ReplyTree; readonly end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const sign = bytes.charAt(start);
  const line = bytes.slice(start + 1, lineEnd);
  const end = lineEnd + 2;
  if (AGGREGATES.has(sign)) return readAggregate(bytes, { sign, count: Number(line), from: end });
  if (!BLOBS.has(sign)) return { tree: { sign, text: line, members: [] }, end };
  const length = Number(line);
  if (length < 0) return { tree: { sign, text: undefined, members: [] }, end };
  if (bytes.length < end + length + 2) return undefined;
  return { tree: { sign, text: bytes.slice(end, end + length), members: [] }, end: end + length + 2 };
}

function readAggregate(
  bytes: string,
  { sign, count, from }: { readonly sign: string; readonly count: number; readonly from: number },
): { readonly tree: ReplyTree; readonly end: number } | undefined {
  const members: ReplyTree[] = [];
  let end = from;
  for (let left = sign === '%' ? count * 2 : count; left > 0; left--) {
    const member = readReply(bytes, end);
    if (member === undefined) return undefined;
    members.push(member.tree);
    end = member.end;
  }
  return { tree: { sign, text: count < 0 ? undefined : '', members }, end };
}

/** As short text, for the messages of tests. */
export function showReply({ sign, text, members }: ReplyTree): string {
  if (members.length > 0) return `${sign}[${members.map(showReply).join(' ')}]`;
  return text === undefined ? `${sign}nil` : `${sign}${JSON.stringify(text)}`;
}
