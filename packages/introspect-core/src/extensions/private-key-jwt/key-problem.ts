/** Finds out from a private key whether it can sign with an algorithm. */
/** The algorithms of assertions (RFC 7518 §3.1, RFC 8037 §3.1). */
export type KeyAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** One value in DER (X.690 §8.1): where its content is, and where the next value begins. */
interface Value {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** The kind of a key by its object identifier, in hexadecimal (RFC 8017 §A.1, RFC 5480 §2.1.1, RFC 8410 §3). */
const kinds: Readonly<Record<string, string>> = {
  '2a864886f70d010101': 'an RSA key',
  '2a864886f70d01010a': 'an RSA-PSS key',
  '2a8648ce3d0201': 'an EC key of another curve',
  '2b6570': 'an Ed25519 key',
  '2b6571': 'an Ed448 key',
};
/** The curve of an EC key by its object identifier (RFC 5480 §2.1.1.1). */
const curves: Readonly<Record<string, string>> = {
  '2a8648ce3d030107': 'an EC key (P-256)',
  '2b81040022': 'an EC key (P-384)',
  '2b81040023': 'an EC key (P-521)',
};
const neededKinds: Readonly<Record<KeyAlgorithm, string>> = {
  RS256: 'an RSA key',
  PS256: 'an RSA key',
  ES256: 'an EC key (P-256)',
  EdDSA: 'an Ed25519 key',
};
/** RFC 7518 §3.3, §3.5. */
const minRsaBits = 2048;

/**
 * Returns why a PKCS#8 key (RFC 5958 §2) cannot sign with an algorithm, or `undefined` if nothing is wrong with its kind
 * and size. Does not check the numbers of the key.
 */
export function keyProblem(pkcs8: readonly number[], algorithm: KeyAlgorithm): string | undefined {
  try {
    const [, identifier, key] = valuesIn(pkcs8, valueAt(pkcs8, 0));
    const [oid, parameters] = valuesIn(pkcs8, identifier);
    const kind = curves[hexOf(pkcs8, parameters)] ?? kinds[hexOf(pkcs8, oid)] ?? 'a key of an unknown kind';
    const needed = neededKinds[algorithm];
    if (kind !== needed) return `holds ${kind}, and ${algorithm} needs ${needed}${otherAlgorithm(kind)}`;
    if (needed !== 'an RSA key' || key === undefined) return undefined;
    const [, modulus] = valuesIn(pkcs8, valueAt(pkcs8, key.start));
    const bits = bitsOf(pkcs8, modulus);
    if (bits >= minRsaBits) return undefined;
    return `holds an RSA key of ${bits} bits, and ${algorithm} needs at least ${minRsaBits} (RFC 7518 §3.3): create a larger key`;
  } catch {
    return 'holds a private key that cannot be read: was it cut off, or copied in part?';
  }
}

function otherAlgorithm(kind: string): string {
  const fitting = Object.entries(neededKinds).find(([, needed]) => needed === kind);
  return fitting === undefined ? '' : `: a key of this kind signs with ${fitting[0]}`;
}

/** @throws RangeError if the value is not complete */
function valueAt(bytes: readonly number[], offset: number): Value {
  const tag = byteAt(bytes, offset);
  const first = byteAt(bytes, offset + 1);
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  let length = first < 0x80 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + byteAt(bytes, offset + 2 + i);
  const start = offset + 2 + lengthBytes;
  if (start + length > bytes.length) throw new RangeError('a value is longer than the key');
  return { tag, start, end: start + length };
}

/** Returns the values inside a sequence. @throws RangeError if it is not a complete sequence */
function valuesIn(bytes: readonly number[], sequence: Value | undefined): Value[] {
  if (sequence?.tag !== 0x30) throw new RangeError('not a sequence');
  const values: Value[] = [];
  for (let at = sequence.start; at < sequence.end; ) {
    const value = valueAt(bytes, at);
    values.push(value);
    at = value.end;
  }
  return values;
}

function byteAt(bytes: readonly number[], offset: number): number {
  const byte = bytes[offset];
  if (byte === undefined) throw new RangeError('the key ends too early');
  return byte;
}

function hexOf(bytes: readonly number[], value: Value | undefined): string {
  const content = value === undefined ? [] : bytes.slice(value.start, value.end);
  return content.map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Returns the size of a positive integer in bits, rounded up to a multiple of 4. */
function bitsOf(bytes: readonly number[], integer: Value | undefined): number {
  return hexOf(bytes, integer).replace(/^0+/, '').length * 4;
}
