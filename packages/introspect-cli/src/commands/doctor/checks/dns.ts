import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { type Check, checked, type Finding } from '../finding.js';

type Lookup = (host: string, options: { all: true }) => Promise<{ address: string; family: number }[]>;

/** Checks whether the host of a URL has an address. Resolves it like the system, including the hosts file. */
export async function checkDns({ hostname }: URL, timeoutMs: number, lookup: Lookup = systemLookup): Promise<Check> {
  const host = bareHost(hostname);
  if (isIP(host)) return checked('dns', `${host} is an address, there is nothing to look up`);
  const timer = new AbortController();
  const timedOut = new Promise<'timed out'>((resolve) => {
    const timeout = setTimeout(resolve, timeoutMs, 'timed out');
    timer.signal.addEventListener('abort', () => clearTimeout(timeout));
  });
  try {
    const results = await Promise.race([lookup(host, { all: true }), timedOut]);
    if (results === 'timed out') return checked('dns', host, [noResponse(`within ${timeoutMs} ms`)]);
    const addresses = results.map(({ address }) => address);
    const isPrivate = results.some(({ address, family }) =>
      privateNetworks.check(address, family === 6 ? 'ipv6' : 'ipv4'),
    );
    return checked('dns', `${host} is ${addresses.join(', ')}`, isPrivate ? [privateAddress] : []);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return checked('dns', host, [code === 'ENOTFOUND' ? notFound : noResponse(`(${code ?? 'no reason given'})`)]);
  } finally {
    timer.abort();
  }
}

/** Returns a host as sockets expect it: without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** Private addresses: RFC 1918, RFC 6598 and RFC 3927 for IPv4, RFC 4193 and RFC 4291 for IPv6. */
const privateNetworks = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv4');
}
privateNetworks.addSubnet('fc00::', 7, 'ipv6');
privateNetworks.addSubnet('fe80::', 10, 'ipv6');

const notFound: Finding = {
  code: 'dns_not_found',
  severity: 'error',
  seen: 'The host has no address',
  cause: 'Its name is misspelt, or exists only in another network.',
  fix: 'Compare the issuer with the console. Inside a container, also check which DNS server it uses.',
};

function noResponse(how: string): Finding {
  return {
    code: 'dns_no_response',
    severity: 'error',
    seen: `The DNS server did not respond ${how}`,
    cause: 'The DNS server of this machine is unreachable or fails. The name itself may be right.',
    fix: 'Check the network of this machine, and in a container its DNS settings.',
  };
}

const privateAddress: Finding = {
  code: 'host_private',
  severity: 'info',
  seen: 'The host has a private address',
  cause: 'Only this network can reach it.',
  fix: 'Nothing, unless you meant the public server. If ZITADEL does not know this host, set --instance-host.',
};
