import { isLoopback } from '@acme/introspect-core';
import type { Finding } from '../finding.js';

/** Finds what is wrong with the issuer's text, and returns the issuer that was most likely meant. */
export function examineIssuer(given: string): { issuer: URL | undefined; issuerText: string; findings: Finding[] } {
  const findings: Finding[] = [];
  let text = given.trim();
  if (text !== given) findings.push(whitespace);
  if (/^(["'`]).*\1$/s.test(text)) {
    findings.push(quotes);
    text = text.slice(1, -1).trim();
  }
  if (!URL.canParse(text) || !/^https?:\/\/[^\s\\]+$/i.test(text)) {
    return { issuer: undefined, issuerText: '', findings: [...findings, notAUrl] };
  }
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    return { issuer: undefined, issuerText: '', findings: [...findings, userInfo] };
  }
  if (/[?#]/.test(text)) {
    findings.push(query);
    text = text.replace(/[?#].*$/s, '');
  }
  const [beforeEndpoint, endpoint] = text.split(
    /(?<![:/])\/+(?=(?:\.well-known|oauth|oidc|ui|management|admin)(?:\/|$))/,
    2,
  );
  if (endpoint !== undefined && beforeEndpoint !== undefined) {
    findings.push(isEndpoint);
    text = beforeEndpoint;
  }
  if (text.endsWith('/')) findings.push(trailingSlash);
  const issuer = new URL(text);
  if (issuer.pathname !== '/') findings.push(path);
  if (issuer.protocol === 'http:' && !isLoopback(issuer.hostname)) findings.push(insecureHttp);
  return { issuer, issuerText: text, findings };
}

const example = 'Write it like https://my-instance.zitadel.cloud';

const whitespace: Finding = {
  code: 'issuer_whitespace',
  severity: 'error',
  seen: 'There is white space around the issuer',
  cause: 'It was copied with the issuer, or the file ends with a line break.',
  fix: 'Remove it. The checks continue without it.',
};

const quotes: Finding = {
  code: 'issuer_quotes',
  severity: 'error',
  seen: 'There are quotes around the issuer',
  cause: 'The env file was read by a program that keeps quotes, such as docker --env-file.',
  fix: 'Remove them. The checks continue without them.',
};

const notAUrl: Finding = {
  code: 'issuer_not_a_url',
  severity: 'error',
  seen: 'The issuer is not an https URL',
  cause: 'It has no scheme, or it is not an issuer.',
  fix: `${example}.`,
};

const userInfo: Finding = {
  code: 'issuer_user_info',
  severity: 'error',
  seen: 'The issuer contains a user name or a password',
  cause: 'Credentials are not part of an issuer.',
  fix: `${example}, and set the credentials separately.`,
};

const query: Finding = {
  code: 'issuer_query',
  severity: 'error',
  seen: 'The issuer has a query or a fragment',
  cause: 'It was copied from the address of a page.',
  fix: `${example}. The checks continue without it.`,
};

const isEndpoint: Finding = {
  code: 'issuer_is_endpoint',
  severity: 'error',
  seen: 'The issuer is the URL of an endpoint or a page',
  cause: 'Its path is that of an endpoint or a page, which follows the issuer.',
  fix: `${example}, without what follows the host. The checks continue without it.`,
};

const trailingSlash: Finding = {
  code: 'issuer_trailing_slash',
  severity: 'info',
  seen: 'The issuer ends with a slash',
  cause: "Issuers are compared character by character, and ZITADEL's issuer has no slash at the end.",
  fix: "Remove it, unless the server's own issuer ends with one.",
};

const path: Finding = {
  code: 'issuer_path',
  severity: 'info',
  seen: 'The issuer has a path',
  cause: "ZITADEL's issuer has none. The issuers of other servers may.",
  fix: 'Remove it if the server is ZITADEL.',
};

const insecureHttp: Finding = {
  code: 'issuer_insecure_http',
  severity: 'error',
  seen: 'The issuer is plain http, and not on this machine',
  cause: 'The SDK does not send tokens and credentials unencrypted.',
  fix: 'Use https, or in an internal network the option allowInsecureHttp.',
};
