import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

/** A TCP server on the loopback interface that passes all bytes to another one, and can delay them. */
export interface SlowProxy {
  readonly port: number;
  /** Delays all bytes of both directions from now on. 0: no delay. */
  delayBy(ms: number): void;
  close(): void;
}

/** Starts a proxy in front of a server on a port of this machine. */
export async function startSlowProxy(targetPort: number): Promise<SlowProxy> {
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (bytes) => {
      if (delayMs === 0) to.write(bytes);
      else setTimeout(() => to.write(bytes), delayMs);
    });
    from.on('error', () => from.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = createConnection({ port: targetPort, host: '127.0.0.1', noDelay: true });
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    delayBy: (ms) => {
      delayMs = ms;
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
