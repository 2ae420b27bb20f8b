import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

/** Starts the server on a free loopback port, and returns the port. */
export async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** Returns a loopback port that nobody listens on at this moment. Another process may take it afterwards. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}
