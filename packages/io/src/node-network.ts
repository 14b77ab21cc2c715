// TCP through node:net: what is said is not encrypted, and nobody proves who he is.

import { createServer, connect as netConnect } from 'node:net';
import type { ByteStream, Endpoint, Listener, Network, StreamHandlers } from './network.js';
import { formatEndpoint } from './network.js';
import { listenOn } from './socket-listener.js';
import { SocketStream } from './socket-stream.js';

export class NodeNetwork implements Network {
  /** Nobody is asked who he is, and so nobody is refused. */
  listen(
    endpoint: Endpoint,
    onStream: (stream: ByteStream) => StreamHandlers,
    _onRefused?: unknown,
  ): Promise<Listener> {
    const server = createServer({ noDelay: true }, (socket) => {
      const stream = new SocketStream(socket);
      stream.attach(onStream(stream));
    });
    return listenOn(server, endpoint);
  }

  /** A host name is resolved anew for each connection. */
  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream {
    const socket = netConnect({ host: endpoint.host, port: endpoint.port, noDelay: true });
    const stream = new SocketStream(socket, formatEndpoint(endpoint));
    socket.on('connect', () => handlers.onOpen?.());
    stream.attach(handlers);
    return stream;
  }
}
