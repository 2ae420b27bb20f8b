import { describe, expect, it } from 'vitest';
import { pkcs8Of } from '../../src/extensions/private-key-jwt/pem.js';

describe('pkcs8Of', () => {
  const pem = (label: string, bytes: readonly number[]) =>
    `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${label}-----`;
  const bytes = (count: number) => Array<number>(count).fill(7);
  const start = '020100' + '300d06092a864886f70d0101010500';
  const hex = (value: readonly number[]) => Buffer.from(value).toString('hex');

  it.each([
    [1, `3015${start}0401`],
    [107, `307f${start}046b`],
    [108, `308180${start}046c`],
    [127, `308193${start}047f`],
    [128, `308195${start}048180`],
    [255, `30820114${start}0481ff`],
    [256, `30820116${start}04820100`],
    [65_536, `3083010017${start}0483010000`],
  ])('wraps a PKCS#1 key of %d bytes in PKCS#8, with DER lengths in their shortest form', (count, header) => {
    expect(hex(pkcs8Of(pem('RSA PRIVATE KEY', bytes(count)), 'o'))).toBe(header + hex(bytes(count)));
  });

  it('returns a PKCS#8 key as it is, without the text around it', () => {
    expect(pkcs8Of(`Bag Attributes\n${pem('PRIVATE KEY', bytes(3))}\nend`, 'o')).toEqual(bytes(3));
  });

  it.each([pem('EC PRIVATE KEY', [1]), pem('PRIVATE KEY', [1]).replace('END', 'FIN')])('rejects %j', (text) => {
    expect(() => pkcs8Of(text, 'o')).toThrow(
      new TypeError(
        'privateKeyJwt: "o" must hold a private key as PEM, "PRIVATE KEY" (PKCS#8) or "RSA PRIVATE KEY" (PKCS#1), not encrypted: openssl pkcs8 -topk8 -nocrypt converts other keys',
      ),
    );
  });

  it('rejects broken base64', () => {
    expect(() => pkcs8Of(pem('PRIVATE KEY', [1]).replace('AQ==', 'A=Q='), 'o')).toThrow(
      new TypeError(
        'privateKeyJwt: "o" holds a private key whose base64 is broken: was it cut off, or copied in part?',
      ),
    );
  });
});
