import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { networkError } from '../../../http/network-error.js';
import { type Check, checked, type Finding } from '../finding.js';
import type { RawRequest } from '../raw-response.js';
import { certificateFindings, daysLeft } from './certificate.js';
import { bareHost } from './dns.js';

/**
 * Checks whether the host accepts connections, and for https whether its certificate is trusted. Sends no request by
 * https, and by http a HEAD of `probe`.
 */
export async function checkConnection(
  url: URL,
  { probe, headers, timeoutMs }: Pick<RawRequest, 'headers' | 'timeoutMs'> & { probe: string },
): Promise<Check> {
  const host = bareHost(url.hostname);
  const isHttps = url.protocol === 'https:';
  const port = Number(url.port) || (isHttps ? 443 : 80);
  const hostAndPort = `${url.hostname}:${port}`;

  const tcp = connectTcp({ host, port });
  const tcpProblem = await problemOf(tcp, 'connect', timeoutMs);
  tcp.destroy();
  if (tcpProblem !== undefined) return checked('connection', hostAndPort, [unreachable(tcpProblem, timeoutMs)]);

  // A server of plain http logs a TLS handshake as an error, or waits for its end.
  if (!isHttps && (await respondsToHttp({ url: probe, headers, timeoutMs }))) {
    return checked('connection', `${hostAndPort}, plain http`, []);
  }
  // Accepts any certificate, only to examine it. No request is sent here, and later requests do check it.
  const tls = connectTls({ host, port, rejectUnauthorized: false, ...(!isIP(host) && { servername: host }) });
  const tlsProblem = await problemOf(tls, 'secureConnect', timeoutMs);
  try {
    if (!isHttps) {
      return checked('connection', `${hostAndPort}, plain http`, tlsProblem === undefined ? [tlsOnHttp] : []);
    }
    if (tlsProblem !== undefined) return checked('connection', hostAndPort, [handshakeFailure(tlsProblem)]);
    return checkCertificate(tls, host, hostAndPort);
  } finally {
    tls.destroy();
  }
}

/**
 * Returns false if the port may be one of TLS: it ends the connection, or responds 400 in plain text. Returns true after
 * a timeout, because TLS ends the connection as soon as it reads plain http.
 */
async function respondsToHttp({ url, headers, timeoutMs }: RawRequest): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const { status } = await fetch(url, { method: 'HEAD', headers, redirect: 'manual', signal });
    return status !== 400;
  } catch (error) {
    return networkError(error) === undefined;
  }
}

function checkCertificate(tls: TLSSocket, host: string, hostAndPort: string): Check {
  const certificate = tls.getPeerCertificate();
  const now = Date.now();
  const findings = certificateFindings({ certificate, host, now, distrust: distrustOf(tls) });
  const detail = `${hostAndPort}, ${tls.getProtocol()}, certificate for another ${daysLeft(certificate, now)} days`;
  return checked('connection', findings.some(({ severity }) => severity === 'error') ? hostAndPort : detail, findings);
}

/** Returns OpenSSL's code. Its type is Error, but at runtime it is a string. */
function distrustOf({ authorizationError }: TLSSocket): string | undefined {
  return authorizationError ? String(authorizationError) : undefined;
}

/** Waits for an event of a socket. Returns the code of the error that prevents it, or `ETIMEDOUT`. */
function problemOf(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(settle, timeoutMs, 'ETIMEDOUT');
    function settle(problem?: string): void {
      clearTimeout(timer);
      resolve(problem);
    }
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? 'no reason given'));
    socket.once('close', () => settle('ECONNRESET'));
    socket.once(event, () => settle());
  });
}

/** Returns the finding for a host to which no connection is possible. */
export function unreachable(code: string, timeoutMs: number): Finding {
  if (code === 'ECONNREFUSED') {
    return {
      code: 'connection_refused',
      severity: 'error',
      seen: 'The host refuses connections on this port',
      cause: 'No server listens there: it is not running, or it uses another port.',
      fix: 'Start the server, or correct the port in the issuer. Inside a container, "localhost" is the container itself.',
    };
  }
  if (code === 'ETIMEDOUT') {
    return {
      code: 'connection_timeout',
      severity: 'error',
      seen: `The host did not accept the connection within ${timeoutMs} ms`,
      cause: 'A firewall drops the packets, or the host is down.',
      fix: 'Allow connections from this machine to that host and port. This command does not use a forward proxy.',
    };
  }
  return {
    code: 'host_unreachable',
    severity: 'error',
    seen: `No connection is possible (${code})`,
    cause: 'This machine has no route to that address.',
    fix: 'Check the network of this machine, its VPN and its routes.',
  };
}

function handshakeFailure(code: string): Finding {
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|^EPROTO$/.test(code)) {
    return {
      code: 'http_on_https',
      severity: 'error',
      seen: `The server does not use TLS on this port (${code})`,
      cause: 'The server uses plain http on this port: TLS ends at a proxy before it, or on another port.',
      fix: 'Correct the port of the issuer. Plain http is allowed only on this machine.',
    };
  }
  return {
    code: 'tls_handshake_failed',
    severity: 'error',
    seen: `The TLS handshake failed (${code})`,
    cause:
      'The server or a proxy ends it: it shares no protocol or cipher with Node, does not serve this host name, or requires a client certificate.',
    fix: 'Check the log of the server or proxy that ends TLS for this host.',
  };
}

const tlsOnHttp: Finding = {
  code: 'https_on_http',
  severity: 'error',
  seen: 'The server uses TLS on this port',
  cause: 'The issuer begins with http, and the server requires https.',
  fix: 'Let the issuer begin with https://.',
};
