import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { type Check, checked, type Finding } from '../finding.js';

type Lookup = (host: string, options: { all: true }) => Promise<{ address: string; family: number }[]>;

/** Whether the host of a URL has an address, as the system finds it (the hosts file included). */
export async function checkDns({ hostname }: URL, timeoutMs: number, lookup: Lookup = systemLookup): Promise<Check> {
  const host = bareHost(hostname);
  if (isIP(host)) return checked('dns', `${host} is an address, there is nothing to look up`);
  const timer = new AbortController();
  const late = new Promise<'late'>((resolve) => {
    const timeout = setTimeout(resolve, timeoutMs, 'late');
    timer.signal.addEventListener('abort', () => clearTimeout(timeout));
  });
  try {
    const found = await Promise.race([lookup(host, { all: true }), late]);
    if (found === 'late') return checked('dns', host, [noAnswer(`within ${timeoutMs} ms`)]);
    const addresses = found.map(({ address }) => address);
    const isPrivate = found.some(({ address, family }) =>
      privateNetworks.check(address, family === 6 ? 'ipv6' : 'ipv4'),
    );
    return checked('dns', `${host} is ${addresses.join(', ')}`, isPrivate ? [privateAddress] : []);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return checked('dns', host, [code === 'ENOTFOUND' ? notFound : noAnswer(`(${code ?? 'no reason given'})`)]);
  } finally {
    timer.abort();
  }
}

/** A host as sockets take it: without the brackets of an IPv6 address. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** RFC 1918, RFC 6598, RFC 3927; RFC 4193, RFC 4291. */
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
  severity: 'fault',
  seen: 'The host has no address',
  cause: 'Its name is misspelt, or known only in another network.',
  fix: 'Check the issuer against the console, and from inside a container which DNS server it asks.',
};

function noAnswer(how: string): Finding {
  return {
    code: 'dns_no_answer',
    severity: 'fault',
    seen: `The DNS server gave no answer ${how}`,
    cause: 'The DNS server of this machine is unreachable or fails: the name itself may be right.',
    fix: 'Look at the network of this machine, and in a container at its DNS settings.',
  };
}

const privateAddress: Finding = {
  code: 'host_private',
  severity: 'note',
  seen: 'The host has a private address',
  cause: 'It is reached inside this network only.',
  fix: 'Nothing, unless you meant the public server; ZITADEL must know the host, or be told by --instance-host.',
};
