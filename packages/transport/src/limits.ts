// Every bound of the transport, with its unit.

export interface TransportLimits {
  /** Largest payload of one frame, both ways. A message that would be larger is not sent. */
  readonly frameBytesMax: number;
  /** Largest entry that is accepted from a peer, encoded: what the log of this server takes. */
  readonly entryBytesMax: number;
  /** Messages waiting for one peer. */
  readonly queueMessagesMax: number;
  /** Bytes waiting for one peer; one message is taken however large. */
  readonly queueBytesMax: number;
  /** Connections of peers that have said who they are. */
  readonly inboundMax: number;
  /** Connections on which nobody has said so yet; beyond it the host with the most of them loses its oldest. */
  readonly strangersMax: number;
  /** From the connection to the other end's hello. */
  readonly helloTimeoutMs: number;
  /** How long a peer that is turned away, or a connection that is closed, has for taking what was still said. */
  readonly farewellMs: number;
  /** How often the dialling side asks for a sign of life. */
  readonly pingIntervalMs: number;
  /** A connection on which nothing was heard for this long is given up. */
  readonly silenceMs: number;
  /** Wait after the first failed dial; doubles with each further one. */
  readonly redialMsMin: number;
  readonly redialMsMax: number;
  /** Snapshots sent at a time, to all peers together; one to each. */
  readonly snapshotStreamsMax: number;
  /** A snapshot's connection on which nothing moves for this long is given up, by either side. */
  readonly snapshotSilenceMs: number;
}

export const DEFAULT_LIMITS: TransportLimits = {
  frameBytesMax: 64 * 1024 * 1024,
  entryBytesMax: 16 * 1024 * 1024,
  queueMessagesMax: 4096,
  queueBytesMax: 32 * 1024 * 1024,
  inboundMax: 256,
  strangersMax: 64,
  helloTimeoutMs: 3000,
  farewellMs: 500,
  pingIntervalMs: 1000,
  silenceMs: 5000,
  redialMsMin: 50,
  redialMsMax: 2000,
  snapshotStreamsMax: 4,
  snapshotSilenceMs: 10_000,
};
