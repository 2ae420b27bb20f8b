import { isLoopback } from '@acme/introspect-core';
import type { Finding } from '../finding.js';

/** What is wrong with how the issuer is written, and what was most likely meant. */
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
  severity: 'fault',
  seen: 'There is white space around the issuer',
  cause: 'It was copied along, or a line end was left at the end of a file.',
  fix: 'Remove it; the checks go on without it.',
};

const quotes: Finding = {
  code: 'issuer_quotes',
  severity: 'fault',
  seen: 'There are quotes around the issuer',
  cause: 'The file of variables was read by something that does not remove quotes, such as docker --env-file.',
  fix: 'Remove them; the checks go on without them.',
};

const notAUrl: Finding = {
  code: 'issuer_not_a_url',
  severity: 'fault',
  seen: 'The issuer is no https URL',
  cause: 'Its beginning lacks, or it is something else than an issuer.',
  fix: `${example}.`,
};

const userInfo: Finding = {
  code: 'issuer_user_info',
  severity: 'fault',
  seen: 'The issuer holds a user name or a password',
  cause: 'Credentials are not part of an issuer.',
  fix: `${example}, and set the credentials on their own.`,
};

const query: Finding = {
  code: 'issuer_query',
  severity: 'fault',
  seen: 'The issuer has a query or a fragment',
  cause: 'It was copied from the address of a page.',
  fix: `${example}; the checks go on without it.`,
};

const isEndpoint: Finding = {
  code: 'issuer_is_endpoint',
  severity: 'fault',
  seen: 'The issuer is the URL of an endpoint or a page',
  cause: 'Its path is one of those that stand behind the issuer.',
  fix: `${example}, without what follows the host; the checks go on without it.`,
};

const trailingSlash: Finding = {
  code: 'issuer_trailing_slash',
  severity: 'note',
  seen: 'The issuer ends with a slash',
  cause: "Issuers are compared character by character, and ZITADEL's ends without one.",
  fix: 'Leave it away, unless the server itself writes one.',
};

const path: Finding = {
  code: 'issuer_path',
  severity: 'note',
  seen: 'The issuer has a path',
  cause: "ZITADEL's issuer has none; other servers' may.",
  fix: 'Leave it away when the server is ZITADEL.',
};

const insecureHttp: Finding = {
  code: 'issuer_insecure_http',
  severity: 'fault',
  seen: 'The issuer is plain http, and not on this machine',
  cause: 'Tokens and credentials would be sent in the clear, which the SDK refuses.',
  fix: 'Use https, or for an internal network the option allowInsecureHttp.',
};
