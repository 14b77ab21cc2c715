// The public names of @waldb/transport, one by one.

export { Backoff, type BackoffOptions } from './backoff.js';
export {
  type CertifiedName,
  certifiedClusters,
  checkIdentity,
  formatCertifiedName,
  parseCertifiedName,
} from './certified-name.js';
export type { Hello } from './hello.js';
export { DEFAULT_LIMITS, type TransportLimits } from './limits.js';
export { type Logger, SILENT_LOGGER } from './logger.js';
export type { PeerState, PeerStats } from './peer.js';
export type { OpenSnapshot, SnapshotRequest } from './snapshot-request.js';
export { TcpTransport, type TcpTransportOptions, type TransportStats } from './tcp-transport.js';
export { TransportError, type TransportErrorCode } from './transport-error.js';
