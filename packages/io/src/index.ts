// The public names of @waldb/io, one by one.

export { checksum } from './checksum.js';
export type { Clock, Timer, TimerOptions } from './clock.js';
export { createDirectory } from './create-directory.js';
export { Sha256 } from './hash.js';
export { DURATION_MS, Histogram, type HistogramData, type HistogramShape } from './histogram.js';
export {
  type IoPlan,
  type IoStep,
  runBlocking,
  runWithCallbacks,
  writeDurably,
  writeDurablyWithCallback,
} from './io-plan.js';
export { LogHistogram } from './log-histogram.js';
export {
  type ByteStream,
  type Endpoint,
  formatEndpoint,
  type Listener,
  type Network,
  NetworkError,
  type NetworkErrorCode,
  parseEndpoint,
  type RefusedPeer,
  type StreamHandlers,
  type StreamIdentity,
} from './network.js';
export { NodeClock } from './node-clock.js';
export { NodeNetwork } from './node-network.js';
export { NodeVfs } from './node-vfs.js';
export { publishFile, publishFilePlan, UNPUBLISHED_SUFFIX } from './publish-file.js';
export type { CredentialsPart, CredentialsProblem, TlsCredentials } from './tls-credentials.js';
export { TlsNetwork, type TlsNetworkOptions } from './tls-network.js';
export {
  type IoCallback,
  type OpenMode,
  type OpenOptions,
  readExactly,
  readFile,
  type Vfs,
  VfsError,
  type VfsErrorCode,
  type VfsFile,
  type VfsLock,
} from './vfs.js';
export { WaitingRoom } from './waiting-room.js';
