/** Reads private keys in PEM (RFC 7468). */
import { optionError } from './option-error.js';

/**
 * Returns the DER of the private key in a PEM text as PKCS#8, without the text that `openssl` writes around it. A PKCS#1
 * key (RFC 8017 §A.1.2) is wrapped in PKCS#8 (RFC 5958 §2), because WebCrypto cannot import PKCS#1.
 *
 * @throws TypeError naming the option
 */
export function pkcs8Of(pem: string, option: string): number[] {
  const [, label, body = ''] =
    /-----BEGIN ((?:RSA )?PRIVATE KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----/.exec(pem) ?? [];
  if (label === undefined) {
    throw optionError(
      `"${option}" must hold a private key as PEM, "PRIVATE KEY" (PKCS#8) or "RSA PRIVATE KEY" (PKCS#1), not encrypted: ` +
        'openssl pkcs8 -topk8 -nocrypt converts other keys',
    );
  }
  const key = bytesOf(body, option);
  const version = [0x02, 0x01, 0x00];
  const rsaEncryption = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
  return label === 'PRIVATE KEY' ? key : der(0x30, [...version, ...rsaEncryption, ...der(0x04, key)]);
}

/** Returns a PKCS#8 key as PEM. */
export function pemOf(pkcs8: readonly number[]): string {
  return `-----BEGIN PRIVATE KEY-----\n${btoa(String.fromCharCode(...pkcs8))}\n-----END PRIVATE KEY-----`;
}

function bytesOf(base64: string, option: string): number[] {
  try {
    return Array.from(atob(base64.replaceAll(/\s/g, '')), (character) => character.charCodeAt(0));
  } catch {
    throw optionError(`"${option}" holds a private key whose base64 is broken: was it cut off, or copied in part?`);
  }
}

/** Returns a value with its tag and length in front (X.690 §8.1). */
function der(tag: number, value: readonly number[]): number[] {
  const { length } = value;
  if (length < 0x80) return [tag, length, ...value];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [tag, 0x80 + bytes.length, ...bytes, ...value];
}
