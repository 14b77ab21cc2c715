// What a segment's footer says, if it has one. It proves nothing about the frames here: they are read all the same.

import { decodeFooterBody, decodeFooterTrailer, FOOTER_TRAILER_BYTES } from '../format/footer.js';
import { PAGE_BYTES } from '../format/page.js';
import type { SegmentReport } from './inspection.js';
import type { LenientFile } from './lenient-file.js';

export interface FooterFacts {
  readonly state: SegmentReport['footer'];
  /** Of a footer whose trailer is right. */
  readonly lastSeq: number | undefined;
  readonly endOffset: number | undefined;
  /** Of one that is right as a whole. */
  readonly lastIndex: number | undefined;
}

const MAGIC = 'WALDBFTR';
const MAGIC_AT = 16;

/** `lastSeq` is what the next segment says that this one ends with, if that is known. */
export function readFooterFacts(file: LenientFile, seed: number, lastSeq: number | undefined): FooterFacts {
  const nothing = { lastSeq: undefined, endOffset: undefined, lastIndex: undefined };
  const trailerAt = file.size - FOOTER_TRAILER_BYTES;
  const bytes = trailerAt < PAGE_BYTES ? undefined : file.at(trailerAt, FOOTER_TRAILER_BYTES);
  if (bytes === undefined) return { state: 'none', ...nothing };
  const trailer = decodeFooterTrailer(bytes, seed);
  if (trailer === undefined) return { state: hasMagic(bytes) ? 'damaged' : 'none', ...nothing };
  const bodyAt = trailerAt - trailer.bodyBytes;
  const body = bodyAt < PAGE_BYTES ? undefined : file.at(bodyAt, trailer.bodyBytes);
  const summary = body && decodeFooterBody(body, trailer);
  const facts = { lastSeq: trailer.lastSeq, endOffset: trailer.endOffset, lastIndex: summary?.lastIndex };
  if (summary === undefined) return { state: 'damaged', ...facts };
  return { state: lastSeq === undefined || lastSeq === trailer.lastSeq ? 'good' : 'outdated', ...facts };
}

function hasMagic(trailer: Uint8Array): boolean {
  return [...MAGIC].every((letter, i) => trailer[MAGIC_AT + i] === letter.charCodeAt(0));
}
