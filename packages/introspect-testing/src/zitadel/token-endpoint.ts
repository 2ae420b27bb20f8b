import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { RecordedRequest } from '../http/recorded-request.js';
import { json, type ScriptedResponse } from '../http/responses.js';
import { zitadelCredentialsOf, zitadelFormOf, zitadelResponses } from '../server/zitadel-introspection.js';
import { isKnown, isLive, profileOf, tokenLifeSeconds, type ZitadelObjects } from './objects.js';

const audience = /^urn:zitadel:iam:org:project:id:(.+):aud$/;
/** ZITADEL leaves every other scope out, without an error. It includes role scopes that are not granted. */
const knownScope =
  /^(openid|profile|email|phone|address|offline_access)$|^urn:zitadel:iam:(org:(project:role:.+|project:id:.+:aud|projects:roles|id:.+|domain:primary:.+)|user:(metadata|resourceowner))$/;

/** Responds to service users as ZITADEL's token endpoint does: an access token for their secret (RFC 6749 §4.4). */
export function tokenEndpoint({ users, tokens }: ZitadelObjects, keys: SigningKeys, issuer: string): ScriptedResponse {
  function responseTo(request: RecordedRequest): ScriptedResponse {
    const form = zitadelFormOf(request);
    if (form === undefined) return zitadelResponses.unreadableForm();
    if (form.get('grant_type') !== 'client_credentials') return rejected('unsupported_grant_type');
    const credentials = zitadelCredentialsOf(request, form);
    if (typeof credentials === 'function') return credentials;
    if ('assertion' in credentials) return rejected('invalid_client', 'client not found');
    const user = [...users.values()].find(({ loginName }) => loginName === credentials.clientId);
    if (user === undefined) return rejected('invalid_client', 'client not found');
    const { credential } = user;
    if (credential === undefined || user.human !== undefined) {
      return rejected('invalid_request', 'Errors.User.Machine.Secret.NotExisting');
    }
    if (!isKnown(credential)) return rejected('invalid_client', 'client not found');
    if (credential.secret !== credentials.clientSecret) {
      return rejected('invalid_request', 'Errors.User.Machine.Secret.Invalid');
    }
    if (!user.active) return rejected('invalid_request', 'Errors.User.NotActive');
    const scopes = (form.get('scope') ?? '').split(' ').filter((each) => knownScope.test(each));
    const issuedAt = Math.floor(Date.now() / 1000);
    const [session, at] = [randomId(), randomId()];
    const id = `V2_${session}-at_${at}`;
    const claims = {
      iss: issuer,
      sub: user.id,
      aud: scopes.flatMap((scope) => audience.exec(scope)?.[1] ?? []),
      exp: issuedAt + tokenLifeSeconds,
      iat: issuedAt,
      nbf: issuedAt,
      client_id: user.userName,
      jti: id,
    };
    const token = user.hasJwts ? keys.sign(claims) : opaqueToken();
    const origin = user.hasJwts ? { origin: issuer } : {};
    tokens.set(token, { id, userId: user.id, scope: scopes.join(' '), issuedAt, personal: false, ...origin });
    return json({ access_token: token, token_type: 'Bearer', expires_in: tokenLifeSeconds });
  }

  return (response, request) => responseTo(request)(response, request);
}

/** Responds with the profile of the token's user. The audience of the token need not contain an API. */
export function userinfo({ users, tokens }: ZitadelObjects, issuer: string): ScriptedResponse {
  return (response, request) => {
    const token = tokens.get(request.field('authorization')[0]?.replace(/^Bearer /i, '') ?? '');
    const user = token && isLive(token, users, issuer) ? users.get(token.userId) : undefined;
    const invalid = { error: 'access_denied', error_description: 'access token invalid' };
    (user ? json({ sub: user.id, ...profileOf(user) }) : json(invalid, { status: 401 }))(response, request);
  };
}

/**
 * Returns a token in the form of ZITADEL's opaque tokens: a JWE in compact serialization, which only the server can decrypt.
 * Here it contains random bytes.
 */
export function opaqueToken(header: object = {}): string {
  const part = (bytes: number) => randomBytes(bytes).toString('base64url');
  const protectedHeader = { alg: 'A256GCMKW', enc: 'A256GCM', iv: part(12), tag: part(16), ...header };
  return [encoded(protectedHeader), part(32), part(12), part(62), part(16)].join('.');
}

/** The key with which the server signs JWTs. It is made when it is first used, because that takes a moment. */
export class SigningKeys {
  #pair: { publicKey: KeyObject; privateKey: KeyObject } | undefined;

  get #keys() {
    this.#pair ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
    return this.#pair;
  }

  sign(claims: object): string {
    const input = `${encoded({ alg: 'RS256', kid: this.#keyId, typ: 'JWT' })}.${encoded(claims)}`;
    return `${input}.${sign('RSA-SHA256', Buffer.from(input), this.#keys.privateKey).toString('base64url')}`;
  }

  /** Returns the document at the `jwks_uri`. */
  toJSON(): object {
    const jwk = this.#keys.publicKey.export({ format: 'jwk' });
    return { keys: [{ use: 'sig', kid: this.#keyId, alg: 'RS256', ...jwk }] };
  }

  get #keyId(): string {
    const der = this.#keys.publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(der).digest().readBigUInt64BE(0).toString();
  }
}

function rejected(error: string, description?: string): ScriptedResponse {
  return json({ error, ...(description !== undefined && { error_description: description }) }, { status: 400 });
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function randomId(): string {
  return String(400_000_000_000_000_000n + (randomBytes(8).readBigUInt64BE(0) >> 8n));
}
