import 'reflect-metadata'; // @peculiar/x509 needs it
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its private key, as PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

export interface CertificateOptions {
  /**
   * The DNS name or IP address that it is for.
   *
   * @default "localhost"
   */
  host?: string;
  /**
   * When it becomes valid, in days from now.
   *
   * @default -1
   */
  fromDays?: number;
  /**
   * When it expires, in days from now.
   *
   * @default 90.5
   */
  toDays?: number;
  /**
   * The name of the authority that signs it, with a key that nobody trusts.
   *
   * @default the certificate is self-signed
   */
  authority?: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const newKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const dayMs = 86_400_000;

/** Makes an X.509 certificate for a test. It is its own CA. */
export async function makeCertificate({
  host = 'localhost',
  fromDays = -1,
  toDays = 90.5,
  authority,
}: CertificateOptions = {}): Promise<Certificate> {
  const { privateKey, publicKey } = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${host}`,
    issuer: `CN=${authority ?? host}`,
    notBefore: new Date(Date.now() + fromDays * dayMs),
    notAfter: new Date(Date.now() + toDays * dayMs),
    publicKey,
    signingKey: authority === undefined ? privateKey : (await newKeys()).privateKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]),
      new BasicConstraintsExtension(true),
    ],
  });
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', privateKey), PemConverter.PrivateKeyTag);
  return { cert: certificate.toString('pem'), key };
}
