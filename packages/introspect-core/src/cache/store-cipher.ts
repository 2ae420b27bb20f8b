/** HKDF with SHA-256 (RFC 5869), and AES-256-GCM. */
export interface StoreCipher {
  /** Derives `length` bytes from the key material. Nobody can compute one part of them from another part. */
  derive(keyMaterial: string, salt: string, info: string, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Returns the initialization vector, the encrypted text and the authentication tag, as base64url. */
  encrypt(key: Uint8Array<ArrayBuffer>, text: string, additionalData: string): Promise<string>;
  /** Rejects if the text was changed, or was encrypted with another key or other additional data. */
  decrypt(key: Uint8Array<ArrayBuffer>, encrypted: string, additionalData: string): Promise<string>;
}

/** The length of a key for AES-256. */
export const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** Returns the functions of Node's crypto module, or of Web Crypto where it is missing. Both have the same results. */
export function storeCipher(): StoreCipher {
  const nodeCrypto = globalThis.process?.getBuiltinModule?.('node:crypto');
  // Deno and Bun have the module, too. An older or partial one may lack a function.
  return nodeCrypto?.hkdfSync === undefined || nodeCrypto.createCipheriv === undefined
    ? webCipher
    : nodeCipher(nodeCrypto);
}

// A key is passed as a `KeyObject`: Node 24 needs five times as long for a cipher that gets the bytes of its key.
function nodeCipher({
  hkdfSync,
  randomBytes,
  createSecretKey,
  createCipheriv,
  createDecipheriv,
}: typeof import('node:crypto')): StoreCipher {
  return {
    derive: async (keyMaterial, salt, info, length) =>
      new Uint8Array(hkdfSync('sha256', keyMaterial, salt, info, length)),
    async encrypt(key, text, additionalData) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), iv).setAAD(bytesOf(additionalData));
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    async decrypt(key, encrypted, additionalData) {
      const bytes = Buffer.from(encrypted, 'base64url');
      if (bytes.toString('base64url') !== encrypted) throw notCanonical();
      const iv = bytes.subarray(0, ivBytes);
      const tag = bytes.subarray(Math.max(ivBytes, bytes.length - tagBytes));
      const decipher = createDecipheriv('aes-256-gcm', createSecretKey(key), iv, { authTagLength: tagBytes });
      decipher.setAAD(bytesOf(additionalData)).setAuthTag(tag);
      return decipher.update(bytes.subarray(ivBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
    },
  };
}

const webCipher: StoreCipher = {
  async derive(keyMaterial, salt, info, length) {
    const base = await crypto.subtle.importKey('raw', bytesOf(keyMaterial), 'HKDF', false, ['deriveBits']);
    const parameters = { name: 'HKDF', hash: 'SHA-256', salt: bytesOf(salt), info: bytesOf(info) };
    return new Uint8Array(await crypto.subtle.deriveBits(parameters, base, 8 * length));
  },
  async encrypt(key, text, additionalData) {
    const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
    const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
    const parameters = { name: 'AES-GCM', iv, additionalData: bytesOf(additionalData) };
    const encrypted = new Uint8Array(await crypto.subtle.encrypt(parameters, aes, bytesOf(text)));
    return base64url([...iv, ...encrypted]);
  },
  async decrypt(key, encrypted, additionalData) {
    const bytes = Uint8Array.from(atob(encrypted.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
    if (base64url(bytes) !== encrypted) throw notCanonical();
    const aes = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
    const parameters = { name: 'AES-GCM', iv: bytes.subarray(0, ivBytes), additionalData: bytesOf(additionalData) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(parameters, aes, bytes.subarray(ivBytes)));
  },
};

/** Several texts have the same bytes, because the last letter has bits that do not count. Only one of them is accepted. */
function notCanonical(): Error {
  return new Error('The value of the store is not canonical base64url');
}

/** Returns bytes as base64url without padding. */
export function base64url(bytes: Iterable<number>): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte); // one call with all bytes has too many arguments
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
