import { type AddressInfo, connect } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { json, type ScriptedServer } from '@acme/introspect-testing';
import type { Certificate } from '../../../../e2e/certificate.js';

export interface TlsFront {
  /** Has the host `localhost`. */
  readonly origin: string;
  close(): Promise<void>;
}

/** Ends TLS with this certificate before a scripted server. The server's metadata names the new origin as its issuer. */
export async function startTlsFront(behind: ScriptedServer, certificate: Certificate): Promise<TlsFront> {
  const { port } = new URL(behind.origin);
  const connections = new Set<TLSSocket>();
  const server = createServer(certificate, (outer) => {
    connections.add(outer);
    const inner = connect(Number(port), '127.0.0.1');
    outer.pipe(inner).pipe(outer);
    outer.on('error', () => inner.destroy());
    inner.on('error', () => outer.destroy());
  });
  server.on('tlsClientError', () => {}); // the client does not trust the certificate
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  behind.at(
    '/.well-known/openid-configuration',
    json({
      issuer: origin,
      introspection_endpoint: `${origin}/oauth/v2/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    }),
  );
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const connection of connections) connection.destroy();
    });
  return { origin, close };
}
