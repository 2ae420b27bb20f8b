import { generateKeyPairSync } from 'node:crypto';
import { clientSecretBasic, IntrospectionClient } from '@acme/introspect-core';
import { keyAuthentication } from 'demo';
import {
  type ClientOf,
  type Credentials,
  discovery,
  introspection,
  introspectionEndpointOf,
  type Step,
  serverDown,
  type TourServer,
  wrongCredentials,
} from './tour.js';

/** The reader's own server, and how the reader's API authenticates there. */
export interface ZitadelSettings {
  issuer: string;
  token: string;
  credentials: Credentials;
  wrongCredentials: Credentials;
  /** Secrets that must not be printed. */
  secrets: readonly string[];
  /** Lines for a shell. They set the variables that the curl commands use. */
  shell: string;
}

/**
 * Reads the reader's own server from the environment. Returns `undefined` if no variable is set.
 *
 * @throws Error naming the variables that are missing, or a key file that cannot be used
 */
export function zitadelSettings(environment: NodeJS.ProcessEnv): ZitadelSettings | undefined {
  const {
    ZITADEL_ISSUER: issuer = '',
    ZITADEL_CLIENT_ID: clientId = '',
    ZITADEL_CLIENT_SECRET: clientSecret = '',
    ZITADEL_KEY_FILE: keyFile = '',
    ZITADEL_TOKEN: token = '',
  } = environment;
  if (!(issuer || clientId || clientSecret || keyFile || token)) return undefined;
  const missing = [
    !issuer && 'ZITADEL_ISSUER',
    !clientId && !keyFile && 'ZITADEL_CLIENT_ID',
    !clientSecret && !keyFile && 'ZITADEL_CLIENT_SECRET',
    !token && 'ZITADEL_TOKEN',
  ].filter(Boolean);
  if (missing.length > 0) {
    throw new Error(
      `To introspect at your own ZITADEL, set ${missing.join(' and ')} too. It needs ZITADEL_ISSUER, ZITADEL_TOKEN, ` +
        'and either ZITADEL_CLIENT_ID and ZITADEL_CLIENT_SECRET or ZITADEL_KEY_FILE.',
    );
  }
  if (keyFile) {
    return {
      issuer,
      token,
      ...keyCredentials(keyFile),
      secrets: [token],
      shell: `${assertionInShell}\nTOKEN=$ZITADEL_TOKEN`,
    };
  }
  const wrong = `${clientSecret}-wrong`;
  return {
    issuer,
    token,
    credentials: { authentication: clientSecretBasic({ clientId, clientSecret }), curl: ['-u "$API"'] },
    wrongCredentials: {
      authentication: clientSecretBasic({ clientId, clientSecret: wrong }),
      curl: ['-u "$API-wrong"'],
    },
    secrets: [clientSecret, token],
    shell: `${credentialsInShell}\nTOKEN=$ZITADEL_TOKEN`,
  };
}

/** Introspects the reader's token at the reader's server. Requests and revokes no token there. */
export async function* zitadelTour(
  { issuer, token, credentials, wrongCredentials: wrong }: ZitadelSettings,
  downEndpoint: string,
): AsyncGenerator<Step> {
  const introspectionEndpoint = await introspectionEndpointOf(issuer);
  const server: TourServer = { issuer, introspectionEndpoint, downEndpoint, credentials, wrongCredentials: wrong };
  const clientOf: ClientOf = (clientAuthentication, endpoint) =>
    new IntrospectionClient({
      issuer,
      clientAuthentication,
      ...(endpoint !== undefined && { introspectionEndpoint: endpoint }),
    });
  yield discovery(server);
  yield introspection('The API introspects your token', server, clientOf, [token, '$TOKEN']);
  yield introspection('Garbage is inactive: the server does not say why', server, clientOf, ['garbage', 'garbage']);
  yield wrongCredentials(server, clientOf, token);
  yield serverDown(server, clientOf, token);
}

function keyCredentials(path: string): Pick<ZitadelSettings, 'credentials' | 'wrongCredentials'> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const wrongKey = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  const options = (assertion: string) => [
    '-d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    `-d "client_assertion=${assertion}"`,
  ];
  return {
    credentials: { authentication: keyAuthentication(path), curl: options('$ASSERTION') },
    wrongCredentials: { authentication: keyAuthentication(path, { key: wrongKey }), curl: options('$ASSERTION-wrong') },
  };
}

/** curl sends `-u` unchanged, but RFC 6749 §2.3.1 wants both halves form-encoded. */
const credentialsInShell = `ID=$(node -p 'encodeURIComponent(process.env.ZITADEL_CLIENT_ID)')
SECRET=$(node -p 'encodeURIComponent(process.env.ZITADEL_CLIENT_SECRET)')
API="\${ID}:\${SECRET}"`;

/** Signs an assertion (RFC 7523) that is valid for 10 minutes. */
const assertionInShell = `ASSERTION=$(node -e '
  const { readFileSync } = require("node:fs")
  const { createSign, randomUUID } = require("node:crypto")
  const { clientId, keyId, key } = JSON.parse(readFileSync(process.env.ZITADEL_KEY_FILE, "utf8"))
  const iat = Math.floor(Date.now() / 1000) - 5
  const times = { iat, exp: iat + 600, jti: randomUUID() }
  const claims = { iss: clientId, sub: clientId, aud: process.env.ZITADEL_ISSUER, ...times }
  const parts = [{ alg: "RS256", kid: keyId }, claims].map((part) => JSON.stringify(part))
  const input = parts.map((part) => Buffer.from(part).toString("base64url")).join(".")
  console.log(input + "." + createSign("RSA-SHA256").update(input).sign(key, "base64url"))
')`;
