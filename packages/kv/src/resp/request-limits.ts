// How much one request may ask of this server's memory, and how much one connection may leave unfinished.

/** The bounds of one connection. Sizes in bytes. */
export interface RequestLimits {
  /** The longest argument. A larger one is refused with "invalid bulk length". */
  readonly bulkBytesMax: number;
  /** The most arguments of one request. More are refused with "invalid multibulk length". */
  readonly argumentsMax: number;
  /** The longest inline request, and the longest header line. */
  readonly lineBytesMax: number;
  /** All arguments of one request together with their headers; what a connection buffers of an incomplete request. */
  readonly requestBytesMax: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULT_REQUEST_LIMITS: RequestLimits = {
  bulkBytesMax: MIB,
  argumentsMax: 64 * KIB,
  lineBytesMax: 64 * KIB,
  requestBytesMax: 2 * MIB,
};
