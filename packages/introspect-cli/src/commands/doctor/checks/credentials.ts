import { type ClientAuthentication, IntrospectionClient, isIntrospectionError } from '@acme/introspect-core';
import { type Check, checked, type Finding } from '../finding.js';
import { type AuthenticationMethod, diagnose } from '../outcome.js';
import { type NoResponse, noResponseFinding, type RawResponse, sendRaw } from '../raw-response.js';
import type { Location } from './discovery.js';

/** Where and how to introspect. */
export interface Target extends Location {
  readonly headers: Readonly<Record<string, string>>;
  readonly method: AuthenticationMethod;
  readonly authentication: ClientAuthentication;
  readonly timeoutMs: number;
  readonly isZitadel: boolean;
}

/** Nobody issued it, so the correct response is "inactive". */
const inventedToken = 'a-token-that-introspect-doctor-invented';

/** Introspects an invented token with the given credentials, with wrong ones, and through the SDK. */
export async function checkCredentials(target: Target): Promise<Check> {
  const how = target.method === 'none' ? 'without credentials' : `by ${target.method}`;
  const detail = `introspection of an invented token, ${how}`;
  let sent = '';
  const response = await introspectRaw(target, ({ headers: { authorization = '' } }) => {
    sent = authorization;
  });
  if (response === undefined) return checked('credentials', detail, [unusableKey]);
  const finding =
    response.status === undefined
      ? noResponseFinding(response, target.timeoutMs)
      : diagnose(response, target.method, target.isZitadel);
  if (finding !== undefined) {
    const fix = `${finding.fix}${!target.isZitadel && rejectsClient(response) ? encodingHint(sent) : ''}`;
    return checked('credentials', detail, [{ ...finding, fix }]);
  }
  const findings = [await controlFinding(target), await sdkFinding(target)].filter((each) => each !== undefined);
  const accepted = target.method === 'none' ? `${detail}: accepted` : 'accepted; wrong ones are rejected';
  return checked('credentials', findings.length === 0 ? accepted : detail, findings);
}

function rejectsClient({ status, ...response }: RawResponse | NoResponse): boolean {
  const error = 'json' in response ? response.json?.error : undefined;
  return status === 401 || error === 'invalid_client' || error === 'unauthorized_client';
}

/** Returns what to add to the fix if the encodings of HTTP Basic differ for these credentials. They are not part of it. */
function encodingHint(authorization: string): string {
  if (!authorization.startsWith('Basic ')) return '';
  const isSame = /^[\w.*-]+:[\w.*-]*$/.test(atob(authorization.slice('Basic '.length)));
  return isSame
    ? ''
    : ' Servers differ in how they decode the characters of these credentials: try the other one of --auth basic and basic-raw.';
}

type Form = { headers: Record<string, string>; body: URLSearchParams };

/** Sends one introspection request like the SDK, and returns the response unread. Returns undefined if the key cannot sign. */
export async function introspectRaw(
  { clientOptions: { issuer }, endpoint, headers, authentication, timeoutMs }: Target,
  change: (request: Form) => void = () => {},
): Promise<RawResponse | NoResponse | undefined> {
  const request = { headers: { ...headers }, body: new URLSearchParams({ token: inventedToken }) };
  request.body.append('token_type_hint', 'access_token');
  try {
    await authentication.apply(request, { ...(issuer !== undefined && { issuer }), endpoint, afterRejection: false });
  } catch {
    return undefined;
  }
  change(request);
  return sendRaw({ url: endpoint, headers: request.headers, form: request.body, timeoutMs });
}

/** Checks that the server rejects wrong credentials. Otherwise its response says nothing about the right ones. */
async function controlFinding(target: Target): Promise<Finding | undefined> {
  const { method, isZitadel } = target;
  if (method === 'none') return undefined;
  const response = await introspectRaw(target, spoilers[method]);
  if (response?.status === undefined) return controlUnclear;
  if (response.status === 200) {
    if (method === 'private_key_jwt') return isZitadel ? unprovenKey : unprovenKeyElsewhere;
    return unprovenSecret;
  }
  return [400, 401, 403].includes(response.status) ? undefined : controlUnclear;
}

const wrong = 'wrong-on-purpose';

/** How the credentials of each method are made wrong. */
const spoilers: Record<Exclude<AuthenticationMethod, 'none'>, (form: Form) => void> = {
  client_secret_basic({ headers }) {
    const [id] = atob(headers.authorization?.replace('Basic ', '') ?? '').split(':', 1); // as encoded
    headers.authorization = `Basic ${btoa(`${id}:${wrong}`)}`;
  },
  client_secret_post: ({ body }) => body.set('client_secret', wrong),
  private_key_jwt: spoilSignature,
  bearer({ headers }) {
    headers.authorization = `Bearer ${wrong}`;
  },
};

/** Leaves a JWT that no key has signed. */
function spoilSignature({ body }: Form): void {
  const [head = '', claims = '', signature = ''] = (body.get('client_assertion') ?? '').split('.');
  body.set('client_assertion', [head, claims, signature.split('').reverse().join('')].join('.'));
}

/** Introspects through the SDK, which is stricter than the checks before. */
async function sdkFinding({ clientOptions, headers, authentication, timeoutMs }: Target): Promise<Finding | undefined> {
  try {
    const client = new IntrospectionClient({
      ...clientOptions,
      headers,
      clientAuthentication: authentication,
      timeoutMs,
      retry: { attempts: 1 },
    });
    await client.introspect(inventedToken);
    return undefined;
  } catch (error) {
    return {
      code: 'sdk_failed',
      severity: 'error',
      seen: `The SDK fails${isIntrospectionError(error) ? ` (${error.code})` : ''} although a plain request succeeds`,
      cause: error instanceof Error ? `${error.message}.` : 'It gives no reason.',
      fix: 'Fix the findings of the checks before, then run this again.',
    };
  }
}

const unusableKey: Finding = {
  code: 'key_unusable',
  severity: 'error',
  seen: 'The key in the key file cannot sign',
  cause: 'It is damaged, or this version of Node does not support it.',
  fix: 'Download the key again, and use the file unchanged.',
};

const unprovenSecret: Finding = {
  code: 'credentials_unproven',
  severity: 'warning',
  seen: 'The server accepts a wrong secret like the right one',
  cause:
    'The server, or a proxy before it, does not check credentials: it is a test double or a cache, or it authenticates nobody, like the admin API of Ory Hydra and Dex.',
  fix: 'Check the issuer, and remove any cache before the introspection endpoint. If the server authenticates nobody, let only your APIs reach that endpoint, and use --auth none.',
};

const unprovenKey: Finding = {
  code: 'assertion_unproven',
  severity: 'warning',
  seen: 'The server accepts an assertion with a broken signature like the right one',
  cause: 'The server does not read the assertion: ZITADEL responds "inactive" if it cannot parse it, for every token.',
  fix: 'Check that no proxy changes the form, and set INTROSPECT_TOKEN to a token that is active.',
};

const unprovenKeyElsewhere: Finding = {
  ...unprovenKey,
  cause: 'The server, or a proxy before it, does not check the assertion.',
};

const controlUnclear: Finding = {
  code: 'control_unclear',
  severity: 'info',
  seen: 'It is unclear whether the server rejects wrong credentials',
  cause: 'The server did not respond to that request, or with an unexpected status.',
  fix: 'Run this again.',
};
