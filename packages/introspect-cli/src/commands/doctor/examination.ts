import { checkClock } from './checks/clock.js';
import type { Configuration } from './checks/configuration.js';
import { checkConnection } from './checks/connection.js';
import { type Asking, checkCredentials } from './checks/credentials.js';
import { checkDiscovery } from './checks/discovery.js';
import { checkDns } from './checks/dns.js';
import { checkKnownToken } from './checks/known-token.js';
import { checkLatency } from './checks/latency.js';
import { type Check, skipped } from './finding.js';

export interface Examination {
  readonly configuration: Configuration;
  /** One that is said to be good. */
  readonly token: string | undefined;
  readonly timeoutMs: number;
}

/** One check after the other, for as long as going on makes sense; returns why it ended before the last. */
export async function* examine({ configuration, token, timeoutMs }: Examination): AsyncGenerator<Check, string> {
  yield configuration.check;
  const { connection: connected, method, authentication } = configuration;
  if (connected === undefined) return 'the issuer must be a URL first';
  const address = new URL(connected.address);

  const dns = await checkDns(address, timeoutMs);
  yield dns;
  if (dns.status === 'fault') return 'the host must have an address first';

  const connection = await checkConnection(address, timeoutMs);
  yield connection;
  if (connection.status === 'fault') return 'there must be a connection first';

  const { check: discovery, answer, place } = await checkDiscovery(connected, method, timeoutMs);
  yield discovery;
  yield answer === undefined ? skipped('clock', 'there was no answer') : checkClock(answer, method);
  if (place === undefined) return 'discovery must find an endpoint that credentials may be sent to first';
  if (authentication === undefined) return 'there must be a usable key first';
  if (configuration.check.findings.some(({ code }) => code === 'issuer_insecure_http')) {
    return 'credentials are not sent where plain http leads';
  }

  const asking: Asking = { ...place, headers: connected.headers, method, authentication, timeoutMs };
  const credentials = await checkCredentials(asking);
  yield credentials;
  if (credentials.status === 'fault') return 'the server must answer an invented token first';

  yield token === undefined ? skipped('token', 'ZITADEL_TOKEN is not set') : await checkKnownToken(asking, token);
  yield await checkLatency(asking);
  return '';
}
