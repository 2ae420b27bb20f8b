import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';

type Middleware = Parameters<Provider['use']>[0];

/**
 * Returns a middleware for strict mode. It issues opaque tokens as JWEs, sends no `scope` with a token, and responds to wrong
 * credentials of an API as a real ZITADEL.
 */
export function strict(): Middleware {
  /** From each JWE to the token of oidc-provider, which rejects JWEs. */
  const tokens = new Map<string, string>();

  return async (ctx, next) => {
    if (ctx.method === 'POST' && ctx.is('urlencoded')) {
      const form = new URLSearchParams(await text(ctx.req));
      const token = form.get('token');
      if (token) form.set('token', tokens.get(token) ?? 'unknown');
      replaceBody(ctx as KoaContextWithOIDC, form.toString());
    }
    await next();
    const body = ctx.body as Record<string, unknown> | undefined;
    if (ctx.oidc?.route === 'token' && typeof body?.access_token === 'string') {
      const { access_token: inner, scope: _, ...others } = body;
      const token = opaqueToken();
      tokens.set(token, String(inner));
      ctx.body = { access_token: token, ...others };
    } else if (ctx.oidc?.route === 'introspection' && ctx.status === 401) {
      ctx.status = 400;
      ctx.body = { error: 'unauthorized_client' };
    }
  };
}

/** ZITADEL's response to a service user that revokes a token: its tokens end when they expire. */
export const revocationError = { error: 'invalid_client', error_description: 'no active client not found' };

/** Returns a token in the form of a JWE in compact serialization: 288 characters in five parts. */
function opaqueToken(): string {
  const part = (bytes: number) => randomBytes(bytes).toString('base64url');
  const header = JSON.stringify({ alg: 'A256GCMKW', enc: 'A256GCM', iv: part(12), tag: part(16) });
  return [Buffer.from(header).toString('base64url'), part(32), part(12), part(62), part(16)].join('.');
}

/** Lets oidc-provider read another body than the client has sent. */
function replaceBody(ctx: KoaContextWithOIDC, body: string): void {
  const { headers, method, url, socket } = ctx.req;
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  const req = Object.assign(Readable.from([Buffer.from(body)]), {
    headers: { ...headers, ...length },
    method,
    url,
    socket,
  }) as object as IncomingMessage;
  ctx.req = req;
  ctx.request.req = req;
}
