import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Check, checked, type Finding } from '../finding.js';
import { certificateFindings, daysLeft } from './certificate.js';
import { bareHost } from './dns.js';

/** Whether the host takes connections, and for https whether its certificate can be trusted. No request is sent. */
export async function checkConnection(url: URL, timeoutMs: number): Promise<Check> {
  const host = bareHost(url.hostname);
  const isHttps = url.protocol === 'https:';
  const port = Number(url.port) || (isHttps ? 443 : 80);
  const where = `${url.hostname}:${port}`;

  const tcp = connectTcp({ host, port });
  const refusal = await problemOf(tcp, 'connect', timeoutMs);
  tcp.destroy();
  if (refusal !== undefined) return checked('connection', where, [unreachable(refusal, timeoutMs)]);

  // Only to look at the certificate, whatever it is: no request is sent, and what asks later trusts nobody blindly.
  const tls = connectTls({ host, port, rejectUnauthorized: false, ...(!isIP(host) && { servername: host }) });
  const failure = await problemOf(tls, 'secureConnect', timeoutMs);
  try {
    if (!isHttps) {
      return checked('connection', `${where}, plain http`, failure === undefined ? [tlsOnHttp] : []);
    }
    if (failure !== undefined) return checked('connection', where, [handshakeFailure(failure)]);
    return trusted(tls, host, where);
  } finally {
    tls.destroy();
  }
}

function trusted(tls: TLSSocket, host: string, where: string): Check {
  const certificate = tls.getPeerCertificate();
  const now = Date.now();
  const findings = certificateFindings({ certificate, host, now, distrust: distrustOf(tls) });
  const detail = `${where}, ${tls.getProtocol()}, certificate for another ${daysLeft(certificate, now)} days`;
  return checked('connection', findings.some(({ severity }) => severity === 'fault') ? where : detail, findings);
}

/** The code of what OpenSSL found; typed as an error, it is a string. */
function distrustOf({ authorizationError }: TLSSocket): string | undefined {
  return authorizationError ? String(authorizationError) : undefined;
}

/** What kept a socket from this event: a code of the system, or `ETIMEDOUT`. */
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

/** What it means that no connection can be made. */
export function unreachable(code: string, timeoutMs: number): Finding {
  if (code === 'ECONNREFUSED') {
    return {
      code: 'connection_refused',
      severity: 'fault',
      seen: 'The host refuses connections at this port',
      cause: 'No server listens there: it does not run, or at another port.',
      fix: 'Start the server, or correct the port in the issuer; from inside a container "localhost" is the container itself.',
    };
  }
  if (code === 'ETIMEDOUT') {
    return {
      code: 'connection_timeout',
      severity: 'fault',
      seen: `The host did not take the connection within ${timeoutMs} ms`,
      cause: 'A firewall drops what is sent there, or the host is down.',
      fix: 'Let this machine out to that host and port: a proxy that alone leads out is not taken here.',
    };
  }
  return {
    code: 'host_unreachable',
    severity: 'fault',
    seen: `No connection can be made (${code})`,
    cause: 'There is no way from this machine to that address.',
    fix: 'Look at the network of this machine, its VPN and its routes.',
  };
}

function handshakeFailure(code: string): Finding {
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|^EPROTO$/.test(code)) {
    return {
      code: 'http_on_https',
      severity: 'fault',
      seen: `No TLS is spoken at this port (${code})`,
      cause: 'The server there speaks plain http: TLS is ended before it, or at another port.',
      fix: 'Correct the port of the issuer; on this machine alone plain http will do.',
    };
  }
  return {
    code: 'tls_handshake_failed',
    severity: 'fault',
    seen: `The TLS handshake failed (${code})`,
    cause:
      'The server or something in between ends it: no protocol or cipher in common, a host name it does not serve, or a client certificate wanted.',
    fix: 'Look into the log of what ends TLS for that host.',
  };
}

const tlsOnHttp: Finding = {
  code: 'https_on_http',
  severity: 'fault',
  seen: 'TLS is spoken at this port',
  cause: 'The issuer says http, and the server wants https.',
  fix: 'Begin the issuer with https://.',
};
