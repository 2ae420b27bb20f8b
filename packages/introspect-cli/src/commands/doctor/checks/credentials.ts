import {
  basicCredentials,
  type ClientAuthentication,
  IntrospectionClient,
  isIntrospectionError,
} from '@acme/introspect-core';
import { type Check, checked, type Finding } from '../finding.js';
import { type AuthenticationMethod, diagnose } from '../outcome.js';
import { type NoResponse, noResponseFinding, type RawResponse, sendRaw } from '../raw-response.js';
import type { Place } from './discovery.js';

/** All that a question takes. */
export interface Asking extends Place {
  readonly headers: Readonly<Record<string, string>>;
  readonly method: AuthenticationMethod;
  readonly authentication: ClientAuthentication;
  readonly timeoutMs: number;
}

/** Issued by nobody: the right answer is that it is inactive. */
const inventedToken = 'a-token-that-introspect-doctor-invented';

/** Asks about an invented token, with our credentials and once with wrong ones; at last as the SDK does. */
export async function checkCredentials(asking: Asking): Promise<Check> {
  const detail = `asked about an invented token, by ${asking.method}`;
  const answer = await askRaw(asking);
  if (answer === undefined) return checked('credentials', detail, [unusableKey]);
  const finding = 'status' in answer ? diagnose(answer, asking.method) : noResponseFinding(answer, asking.timeoutMs);
  if (finding !== undefined) return checked('credentials', detail, [finding]);
  const findings = [await controlFinding(asking), await sdkFinding(asking)].filter((each) => each !== undefined);
  return checked('credentials', findings.length === 0 ? 'accepted; wrong ones are refused' : detail, findings);
}

type Form = { headers: Record<string, string>; body: URLSearchParams };

/** One question as the SDK asks it, its answer left as it is; `undefined`: the key could not sign. */
export async function askRaw(
  { clientOptions: { issuer }, endpoint, headers, authentication, timeoutMs }: Asking,
  change: (request: Form) => void = () => {},
): Promise<RawResponse | NoResponse | undefined> {
  const request = { headers: { ...headers }, body: new URLSearchParams({ token: inventedToken }) };
  request.body.append('token_type_hint', 'access_token');
  try {
    await authentication.apply(request, { issuer, endpoint, afterRejection: false });
  } catch {
    return undefined;
  }
  change(request);
  return sendRaw({ url: endpoint, headers: request.headers, form: request.body, timeoutMs });
}

/** A server that answers to anybody has proved nothing of our credentials. */
async function controlFinding(asking: Asking): Promise<Finding | undefined> {
  const isKey = asking.method === 'private_key_jwt';
  const answer = await askRaw(
    asking,
    isKey ? spoilSignature : (form) => spoilSecret(form, asking.authentication.clientId),
  );
  if (answer === undefined || !('status' in answer)) return controlUnclear;
  if (answer.status === 200) return isKey ? unprovenKey : unprovenSecret;
  return [400, 401, 403].includes(answer.status) ? undefined : controlUnclear;
}

function spoilSecret({ headers }: Form, clientId: string): void {
  headers.authorization = basicCredentials(clientId, 'wrong-on-purpose');
}

/** Still a JWT, and by nobody's key. */
function spoilSignature({ body }: Form): void {
  const [head = '', claims = '', signature = ''] = (body.get('client_assertion') ?? '').split('.');
  body.set('client_assertion', [head, claims, signature.split('').reverse().join('')].join('.'));
}

/** The proof: all that the SDK is stricter about than the checks before. */
async function sdkFinding({ clientOptions, headers, authentication, timeoutMs }: Asking): Promise<Finding | undefined> {
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
      severity: 'fault',
      seen: `The SDK fails${isIntrospectionError(error) ? ` (${error.code})` : ''} where a plain request was answered`,
      cause: error instanceof Error ? `${error.message}.` : 'It does not say why.',
      fix: 'Set right what the checks before have found, then look at this again.',
    };
  }
}

const unusableKey: Finding = {
  code: 'key_unusable',
  severity: 'fault',
  seen: 'The key in the key file cannot sign',
  cause: 'It is damaged, or no RSA key.',
  fix: 'Download the key again and use the file as it is.',
};

const unprovenSecret: Finding = {
  code: 'credentials_unproven',
  severity: 'warning',
  seen: 'A wrong secret is answered like the right one',
  cause: 'The server, or something before it, answers to anybody: it is a test double, a cache, or it asks nobody.',
  fix: 'Check the issuer, and that no cache stands before the introspection endpoint.',
};

const unprovenKey: Finding = {
  code: 'assertion_unproven',
  severity: 'warning',
  seen: 'An assertion with a broken signature is answered like the right one',
  cause:
    'The server does not read assertions: ZITADEL says "inactive" to one that it cannot parse, and so every token would be.',
  fix: 'See that nothing changes the form on its way, and ask about a token that is known to be good (ZITADEL_TOKEN).',
};

const controlUnclear: Finding = {
  code: 'control_unclear',
  severity: 'note',
  seen: 'Whether wrong credentials are refused could not be seen',
  cause: 'The server did not answer that question as it answered the first.',
  fix: 'Run this again.',
};
