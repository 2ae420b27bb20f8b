import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Finding } from '../finding.js';

const dayMs = 86_400_000;
/** What renews itself does so earlier. */
const soonDays = 14;

export interface Presented {
  readonly certificate: PeerCertificate;
  readonly host: string;
  readonly now: number;
  /** OpenSSL's code for why it does not trust the chain. */
  readonly distrust: string | undefined;
}

export function daysLeft({ valid_to }: PeerCertificate, now: number): number {
  return Math.floor((Date.parse(valid_to) - now) / dayMs);
}

/** All that can be seen to be wrong with a server's certificate: OpenSSL itself names one thing, the others are read from it. */
export function certificateFindings({ certificate, host, now, distrust }: Presented): Finding[] {
  const findings: Finding[] = [];
  const days = daysLeft(certificate, now);
  if (distrust === 'CERT_HAS_EXPIRED' || days < 0) findings.push(expired);
  else if (days < soonDays) findings.push(endsSoon(days));
  if (distrust === 'CERT_NOT_YET_VALID' || Date.parse(certificate.valid_from) > now) findings.push(notYetValid);
  if (checkServerIdentity(host, certificate) !== undefined) findings.push(wrongHost);
  if (distrust !== undefined && !saidAbove.has(distrust)) findings.push(untrusted(distrust));
  return findings;
}

const saidAbove = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'ERR_TLS_CERT_ALTNAME_INVALID']);
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
    severity: 'fault',
    seen: `The certificate cannot be trusted (${distrust})`,
    cause: 'OpenSSL refuses it for the reason in parentheses.',
    fix: 'Renew the certificate, with its whole chain.',
  };
}

const trustIt =
  'Start Node with NODE_EXTRA_CA_CERTS=<file of the authority, PEM>, here as for the API; never NODE_TLS_REJECT_UNAUTHORIZED=0.';

const selfSigned: Finding = {
  code: 'certificate_self_signed',
  severity: 'fault',
  seen: 'The certificate is signed by itself',
  cause: 'It was made for tests or for an internal network, or something in between shows its own.',
  fix: trustIt,
};

const ofUnknownAuthority: Finding = {
  code: 'certificate_unknown_authority',
  severity: 'fault',
  seen: 'The certificate is of an authority that Node does not know',
  cause: "It is a company's own authority, a proxy that looks into TLS, or the server sends its chain incompletely.",
  fix: trustIt,
};

const expired: Finding = {
  code: 'certificate_expired',
  severity: 'fault',
  seen: 'The certificate has expired',
  cause: 'It was not renewed, or the clock of this machine is ahead.',
  fix: 'Renew it at what ends TLS for that host, and let it renew itself from then on.',
};

const notYetValid: Finding = {
  code: 'certificate_not_yet_valid',
  severity: 'fault',
  seen: 'The certificate is not valid yet',
  cause: 'The clock of this machine is behind, or the certificate was made for later.',
  fix: 'Set the clock of this machine by NTP, then look at the certificate.',
};

const wrongHost: Finding = {
  code: 'certificate_wrong_host',
  severity: 'fault',
  seen: 'The certificate is for other host names',
  cause: 'The host is an internal name or address of the server, or a proxy does not know this host.',
  fix: 'Use the host that the certificate names, or have one made for this host.',
};

function endsSoon(days: number): Finding {
  return {
    code: 'certificate_ends_soon',
    severity: 'warning',
    seen: `The certificate ends in ${days} days`,
    cause: 'It is not renewed by itself, or its renewal fails.',
    fix: 'Renew it before, or every request to the server will fail from that day on.',
  };
}
