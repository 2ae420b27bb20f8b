import { describe, expect, it } from 'vitest';
import { checkDns } from '../../../../src/commands/doctor/checks/dns.js';

const url = new URL('https://zitadel.internal');
const found = (...addresses: string[]) =>
  checkDns(url, 1000, async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
const failing = (code: string) =>
  checkDns(url, 1000, async () => {
    throw Object.assign(new Error(`getaddrinfo ${code}`), { code });
  });

describe('the DNS check of introspect doctor', () => {
  it.each(['10.1.2.3', '172.31.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1', 'fe80::1'])(
    'reports an info finding for a host at the private address %s',
    async (address) => {
      const { status, findings } = await found('203.0.113.7', address);
      expect({ status, codes: findings.map(({ code }) => code) }).toEqual({ status: 'ok', codes: ['host_private'] });
    },
  );

  it.each(['203.0.113.7', '172.32.0.1', '2001:db8::1', '127.0.0.1'])(
    'reports nothing for a host at %s',
    async (address) => {
      expect(await found(address)).toEqual({
        name: 'dns',
        status: 'ok',
        detail: `zitadel.internal is ${address}`,
        findings: [],
      });
    },
  );

  it('distinguishes a host without an address from a DNS server that fails', async () => {
    expect((await failing('ENOTFOUND')).findings[0]?.code).toBe('dns_not_found');
    expect((await failing('EAI_AGAIN')).findings[0]).toMatchObject({
      code: 'dns_no_response',
      seen: 'The DNS server did not respond (EAI_AGAIN)',
    });
  });

  it('stops at the time limit', async () => {
    const { findings } = await checkDns(url, 1, () => new Promise(() => {}));
    expect(findings[0]).toMatchObject({ code: 'dns_no_response', severity: 'error' });
  });

  it('does not look up a host that is an address', async () => {
    const { status } = await checkDns(new URL('https://[::1]:8443'), 1000, () =>
      Promise.reject(new Error('looked up')),
    );
    expect(status).toBe('ok');
  });
});
