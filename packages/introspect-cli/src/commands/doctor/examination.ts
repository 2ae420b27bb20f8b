import type { Clock } from '../../clock.js';
import { isZitadel } from '../../zitadel/is-zitadel.js';
import { checkClock } from './checks/clock.js';
import type { Configuration } from './checks/configuration.js';
import { checkConnection } from './checks/connection.js';
import { checkCredentials, type Target } from './checks/credentials.js';
import { checkDiscovery } from './checks/discovery.js';
import { checkDns } from './checks/dns.js';
import { checkKnownToken } from './checks/known-token.js';
import { checkLatency } from './checks/latency.js';
import { type Check, skipped } from './finding.js';

export interface Examination {
  readonly configuration: Configuration;
  /** A token that should be active. */
  readonly token: string | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Runs the checks one after the other. Returns why it stopped before the last one, or an empty text. */
export async function* examine({ configuration, token, timeoutMs, clock }: Examination): AsyncGenerator<Check, string> {
  yield configuration.check;
  const { location: api, method, authentication } = configuration;
  const destination = api && (api.endpoint ?? api.metadataUrl ?? api.connection?.address);
  if (api === undefined || destination === undefined) return 'the issuer must first be a URL';
  const address = new URL(destination);

  const dns = await checkDns(address, timeoutMs);
  yield dns;
  if (dns.status === 'error') return 'the host must first have an address';

  // Not the endpoint itself: a request there needs credentials.
  const metadataUrl = api.metadataUrl ?? `${address.origin}/.well-known/openid-configuration`;
  const probe = api.endpoint === undefined ? metadataUrl : address.origin;
  const connection = await checkConnection(address, { probe, headers: api.headers, timeoutMs });
  yield connection;
  if (connection.status === 'error') return 'there must first be a connection';

  const { check: discovery, response, location } = await checkDiscovery(api, method, timeoutMs);
  yield discovery;
  yield response === undefined ? skipped('clock', 'there was no response') : checkClock(response, method);
  if (location === undefined) return 'discovery must first find an endpoint to which credentials may be sent';
  if (authentication === undefined) return 'there must first be a usable key';
  if (configuration.check.findings.some(({ code }) => code === 'issuer_insecure_http')) {
    return 'credentials are not sent over plain http';
  }

  const { headers, instanceHost } = api;
  const ofZitadel = isZitadel(location.endpoint, instanceHost);
  const target: Target = { ...location, headers, method, authentication, timeoutMs, isZitadel: ofZitadel };
  const credentials = await checkCredentials(target);
  yield credentials;
  if (credentials.status === 'error') return 'the check of the credentials must first succeed';

  yield token === undefined
    ? skipped('token', 'INTROSPECT_TOKEN or ZITADEL_TOKEN is not set')
    : await checkKnownToken(target, token);
  yield await checkLatency(target, clock);
  return '';
}
