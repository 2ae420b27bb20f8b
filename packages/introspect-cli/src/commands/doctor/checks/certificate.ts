import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Finding } from '../finding.js';

const dayMs = 86_400_000;
/** Automatic renewal happens earlier. */
const soonDays = 14;

export interface Presented {
  readonly certificate: PeerCertificate;
  readonly host: string;
  readonly now: number;
  /** OpenSSL's code for why it does not trust the chain. Undefined if it does. */
  readonly distrust: string | undefined;
}

export function daysLeft({ valid_to }: PeerCertificate, now: number): number {
  return Math.floor((Date.parse(valid_to) - now) / dayMs);
}

/** Finds all problems of a server's certificate. OpenSSL reports only one, so the others are read from the certificate. */
export function certificateFindings({ certificate, host, now, distrust }: Presented): Finding[] {
  const findings: Finding[] = [];
  const days = daysLeft(certificate, now);
  if (distrust === 'CERT_HAS_EXPIRED' || days < 0) findings.push(expired);
  else if (days < soonDays) findings.push(endsSoon(days));
  if (distrust === 'CERT_NOT_YET_VALID' || Date.parse(certificate.valid_from) > now) findings.push(notYetValid);
  if (checkServerIdentity(host, certificate) !== undefined) findings.push(wrongHost);
  if (distrust !== undefined && !reportedAbove.has(distrust)) findings.push(untrusted(distrust));
  return findings;
}

const reportedAbove = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'ERR_TLS_CERT_ALTNAME_INVALID']);
const unknownAuthority = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function untrusted(distrust: string): Finding {
  if (distrust === 'DEPTH_ZERO_SELF_SIGNED_CERT') return selfSigned;
  if (unknownAuthority.has(distrust)) return ofUnknownAuthority;
  return {
    code: 'certificate_untrusted',
    severity: 'error',
    seen: `The certificate cannot be trusted (${distrust})`,
    cause: 'OpenSSL rejects it for the reason in parentheses.',
    fix: 'Renew the certificate, with its whole chain.',
  };
}

const trustIt =
  'Start Node with NODE_EXTRA_CA_CERTS=<PEM file of the authority>, both here and for the API. Never use NODE_TLS_REJECT_UNAUTHORIZED=0.';

const selfSigned: Finding = {
  code: 'certificate_self_signed',
  severity: 'error',
  seen: 'The certificate is self-signed',
  cause: 'It was created for tests or for an internal network, or a proxy presents its own certificate.',
  fix: trustIt,
};

const ofUnknownAuthority: Finding = {
  code: 'certificate_unknown_authority',
  severity: 'error',
  seen: 'Node does not know the authority that issued the certificate',
  cause: "It is a company's own authority, a proxy that inspects TLS, or the server sends an incomplete chain.",
  fix: trustIt,
};

const expired: Finding = {
  code: 'certificate_expired',
  severity: 'error',
  seen: 'The certificate has expired',
  cause: 'It was not renewed, or the clock of this machine is ahead.',
  fix: 'Renew it on the server or proxy that ends TLS for this host, and set up automatic renewal.',
};

const notYetValid: Finding = {
  code: 'certificate_not_yet_valid',
  severity: 'error',
  seen: 'The certificate is not valid yet',
  cause: 'The clock of this machine is behind, or the certificate was issued for a later date.',
  fix: 'Set the clock of this machine by NTP, then check the certificate.',
};

const wrongHost: Finding = {
  code: 'certificate_wrong_host',
  severity: 'error',
  seen: 'The certificate is for other host names',
  cause: 'The host is an internal name or address of the server, or a proxy does not know this host.',
  fix: 'Use the host that the certificate names, or get a certificate for this host.',
};

function endsSoon(days: number): Finding {
  return {
    code: 'certificate_ends_soon',
    severity: 'warning',
    seen: `The certificate expires in ${days} days`,
    cause: 'It is not renewed automatically, or the renewal fails.',
    fix: 'Renew it before that day: afterwards every request to the server fails.',
  };
}
