// The public names of @waldb/io, one by one.

export type { Clock, Timer } from './clock.js';
export {
  type ByteStream,
  type Endpoint,
  formatEndpoint,
  type Listener,
  type Network,
  NetworkError,
  type NetworkErrorCode,
  parseEndpoint,
  type StreamHandlers,
} from './network.js';
export { NodeClock } from './node-clock.js';
export { NodeNetwork } from './node-network.js';
