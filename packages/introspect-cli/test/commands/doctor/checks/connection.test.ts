import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { json, type ScriptedServer, startScriptedServer } from '@acme/introspect-testing';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type CertificateOptions, makeCertificate } from '../../../../../../e2e/certificate.js';
import { unreachable } from '../../../../src/commands/doctor/checks/connection.js';
import { apiOf, clientSecret, examined } from '../../../support/run-doctor.js';
import { startTlsFront } from '../../../support/tls-front.js';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer({ clientSecret });
});
afterEach(() => server.close());

/** Runs doctor against the server behind TLS with such a certificate, which Node trusts or not. */
async function behindTls(options: CertificateOptions, { trust }: { trust: boolean }) {
  const certificate = await makeCertificate(options);
  if (trust) {
    const trusted = getCACertificates();
    setDefaultCACertificates([certificate.cert]);
    onTestFinished(() => setDefaultCACertificates(trusted));
  }
  const front = await startTlsFront(server, certificate);
  const outcome = await examined(apiOf(front));
  await front.close();
  return outcome;
}

describe('introspect doctor with a certificate', () => {
  it('that Node trusts reports no finding, and runs all checks', async () => {
    const { found, statuses, report } = await behindTls({}, { trust: true });
    expect(found).toEqual([]);
    expect(statuses.latency).toBe('ok');
    expect(report.checks[2]?.detail).toMatch(/^localhost:\d+, TLSv1\.3, certificate for another 90 days$/);
  });

  it('that expires soon reports a warning, and continues the checks', async () => {
    const { found, statuses } = await behindTls({ toDays: 13.5 }, { trust: true });
    expect(found).toEqual(['connection: certificate_ends_soon']);
    expect(statuses.latency).toBe('ok');
  });

  it('that is valid for two weeks reports nothing', async () => {
    expect((await behindTls({ toDays: 14.5 }, { trust: true })).found).toEqual([]);
  });

  const errors: [what: string, options: CertificateOptions, trust: boolean, codes: string[]][] = [
    ['that has expired', { fromDays: -9, toDays: -1 }, true, ['certificate_expired']],
    ['that is not valid yet', { fromDays: 1 }, true, ['certificate_not_yet_valid']],
    ['for another host', { host: 'elsewhere.example' }, true, ['certificate_wrong_host']],
    ['that is self-signed', {}, false, ['certificate_self_signed']],
    ['of an unknown authority', { authority: 'Acme' }, false, ['certificate_unknown_authority']],
    [
      'that has expired, and for another host',
      { fromDays: -9, toDays: -1, host: 'elsewhere.example' },
      true,
      ['certificate_expired', 'certificate_wrong_host'],
    ],
  ];
  it.each(errors)('%s reports an error, and sends no request', async (_, options, trust, codes) => {
    const { found, statuses } = await behindTls(options, { trust });
    expect(found).toEqual(codes.map((code) => `connection: ${code}`));
    expect(statuses.discovery).toBe('skipped');
    expect(server.requests).toEqual([]);
  });
});

describe('introspect doctor with a port', () => {
  it('of plain http distinguishes it from a port of TLS, both ways', async () => {
    const https = { ...apiOf(server), ZITADEL_ISSUER: server.origin.replace('http:', 'https:') };
    expect((await examined(https)).found).toEqual(['connection: http_on_https']);
    const front = await startTlsFront(server, await makeCertificate());
    const http = { ...apiOf(server), ZITADEL_ISSUER: front.origin.replace('https:', 'http:') };
    expect((await examined(http)).found).toEqual(['connection: https_on_http']);
    await front.close();
  });

  it('of plain http gets no TLS handshake', async () => {
    const firstBytes: number[] = [];
    const upstream = Number(new URL(server.origin).port);
    const { close, origin } = await listen((socket) => {
      socket.once('data', (chunk) => {
        firstBytes.push(chunk[0] ?? 0);
        forward(socket, upstream, chunk);
      });
    });
    const issuer = origin.replace('https:', 'http:');
    server.at(
      '/.well-known/openid-configuration',
      json({ issuer, introspection_endpoint: server.introspectionEndpoint.replace(server.origin, issuer) }),
    );
    const { found } = await examined({ ...apiOf(server), ZITADEL_ISSUER: issuer });
    close();
    expect(found).toEqual([]);
    expect(firstBytes.length).toBeGreaterThan(0);
    expect(firstBytes).not.toContain(0x16); // begins each TLS handshake (RFC 8446 §5.1)
  });

  it('of TLS that responds 400 to plain http is recognised, like that of nginx', async () => {
    const front = await startTlsFront(server, await makeCertificate());
    const { close, origin } = await listen((socket) => {
      socket.once('data', (chunk) => {
        if (chunk[0] !== 0x16) return void socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
        forward(socket, Number(new URL(front.origin).port), chunk);
      });
    });
    const { found } = await examined({ ...apiOf(server), ZITADEL_ISSUER: origin.replace('https:', 'http:') });
    close();
    await front.close();
    expect(found).toEqual(['connection: https_on_http']);
  });

  it('on which no server listens reports connection_refused', async () => {
    await server.close();
    expect((await examined(apiOf(server))).found).toEqual(['connection: connection_refused']);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['closes the connection during the handshake', (socket) => socket.destroy()],
    ['never responds', () => {}],
  ])('whose server %s reports tls_handshake_failed', async (_, meet) => {
    const { close, origin } = await listen(meet);
    const { found } = await examined({ ...apiOf(server), ZITADEL_ISSUER: origin }, '--timeout-ms', '2000');
    close();
    expect(found).toEqual(['connection: tls_handshake_failed']);
  });

  it('that is silent or unreachable reports a different finding for each', () => {
    expect(unreachable('ETIMEDOUT', 300)).toMatchObject({ code: 'connection_timeout', severity: 'error' });
    expect(unreachable('ENETUNREACH', 300)).toMatchObject({ code: 'host_unreachable', severity: 'error' });
  });
});

/** Connects a socket with a port of this machine, after its first bytes. */
function forward(socket: Socket, port: number, first: Buffer): void {
  const forwarded = connect(port, '127.0.0.1').on('error', () => {});
  forwarded.write(first);
  socket.pipe(forwarded).pipe(socket);
  socket.once('close', () => forwarded.destroy());
}

async function listen(meet: (socket: Socket) => void): Promise<{ origin: string; close(): void }> {
  const sockets = new Set<Socket>();
  const listening: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    meet(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const close = () => {
    listening.close();
    for (const socket of sockets) socket.destroy();
  };
  return { origin: `https://127.0.0.1:${(listening.address() as AddressInfo).port}`, close };
}
