import type { ActiveToken, Authorizer, AuthorizerError, Policy } from '@acme/introspect-core';
import {
  type AuthorizerInput,
  adapterOptions,
  type Decision,
  isDecided,
  isHangUp,
  type NativeRequestContext,
  type NodeRequest,
  type NodeResponse,
  nodeRequestContext,
  protect,
  resourceMetadataOf,
} from '@acme/introspect-core/adapter';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

export interface IntrospectExtras {
  /** Serves the RFC 9728 document of `resource`, unguarded. */
  serveResourceMetadata?: boolean;
  /**
   * Sends or hijacks the reply in place of the plugin, or throws an error of its own. If it does neither, the plugin
   * sends the response. The `reply` is a proxy of Fastify's reply, so that the plugin notices a call of `send`.
   */
  onError?: (error: AuthorizerError, request: FastifyRequest, reply: FastifyReply) => unknown;
  /** Guards every route but those with `config: { public: true }`. */
  global?: boolean;
}

/** The options of an `Authorizer`, or `{ authorizer }`: one, or a function that chooses one for each request. */
export type IntrospectOptions = Exclude<AuthorizerInput<FastifyRequest>, Authorizer | ((...args: never) => unknown)> &
  IntrospectExtras;

/**
 * A hook for `onRequest`, for apps over HTTP/1 or HTTP/2.
 *
 * After a rejection it does not call `done`, and its promise never resolves. So code after `await hook(request, reply)`
 * runs only for accepted requests. To combine conditions, call `authorizer.authorize(…)`.
 *
 * With `done` it returns `undefined`: it calls `done()` after it accepted the token, and `done(error)` for an error of
 * the app, such as a `check` that throws. An async hook of your own must not give it `done`, and must await its promise.
 */
export interface TokenHook {
  (request: HookRequest, reply: HookReply, done: (error?: Error) => void): undefined;
  (request: HookRequest, reply: HookReply): Promise<unknown> | undefined;
}

/** What the hook looks at, so that it fits whatever server the app runs on. */
export interface HookRequest {
  readonly raw: NodeRequest;
  introspection: ActiveToken | null;
}

export interface HookReply {
  readonly raw: NodeResponse;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** A hook that lets a request pass with a token that satisfies the policy. */
    requireToken(policy?: Policy): TokenHook;
  }
  interface FastifyRequest {
    /** `null` until a token was accepted. */
    introspection: ActiveToken | null;
  }
  interface FastifyContextConfig {
    /** Leaves a route out of the plugin's option `global`. */
    public?: boolean;
  }
}

type Context = NativeRequestContext<FastifyRequest>;

const plugin: FastifyPluginAsync<IntrospectOptions> = async (app, options) => {
  const extras = ['serveResourceMetadata', 'onError', 'global'] as const;
  const { source, onError, ...given } = adapterOptions<FastifyRequest, IntrospectExtras>(options, extras);

  /** Resolves after the request was accepted. Never resolves after a rejection. Rejects only with errors of the app. */
  const carryOut = async (pending: Decision | Promise<Decision>, context: Context, reply: FastifyReply) => {
    const { native: request } = context;
    try {
      const decision = isDecided(pending) ? pending : await pending;
      if (decision.allowed) {
        request.introspection = decision.token ?? null;
        return undefined;
      }
      const { error, status, headers, body } = decision;
      if (!hasTimedOut(request) && !(onError && (await takesReply(onError, error, context, reply)))) {
        for (const [name, value] of headers) reply.header(name, value);
        reply.code(status).type('application/json').send(body);
      }
    } catch (error) {
      if (!isHangUp(error, context)) {
        if (!hasTimedOut(request)) throw error;
        reply.log.error({ err: error }, 'The guard failed after Fastify had responded because of handlerTimeout');
      }
    }
    return new Promise<never>(() => {});
  };
  const requireToken = (policy?: Policy): TokenHook => {
    const decide = protect(source, policy);
    const hook = (hookRequest: HookRequest, hookReply: HookReply, done?: (error?: Error) => void) => {
      const request = hookRequest as FastifyRequest;
      const context = nodeRequestContext(request.raw, hookReply.raw, request);
      const decision = decide(context);
      if (!(isDecided(decision) && decision.allowed)) {
        const end = carryOut(decision, context, hookReply as FastifyReply);
        return done === undefined ? end : settle(end, done);
      }
      request.introspection = decision.token ?? null;
      done?.();
      return undefined; // a promise would only cost time
    };
    return hook as TokenHook;
  };

  app.decorateRequest('introspection', null);
  app.decorate('requireToken', requireToken);
  if (given.global) {
    const hook = requireToken();
    app.addHook('onRequest', (request, reply, done) =>
      request.routeOptions.config.public === true ? done() : hook(request, reply, done),
    );
  }
  if (given.serveResourceMetadata) {
    const { path, document } = resourceMetadataOf(source);
    app.get(path, { config: { public: true } }, async () => document);
  }
};

/** Passes the end of a hook to its callback. */
function settle(end: Promise<unknown>, done: (error?: Error) => void): undefined {
  end.then(
    () => done(),
    // For Fastify, done(undefined) means that all is well.
    (error) => done(error || new Error(`The guard failed: a function of the app threw ${error} instead of an error`)),
  );
}

/**
 * Calls `onError` and returns whether it has taken over the reply.
 *
 * `reply.sent` alone does not tell: it is false while an `onSend` hook is pending.
 *
 * @throws what `onError` throws, except after it has taken over the reply: then the error is logged
 */
async function takesReply(
  onError: NonNullable<IntrospectExtras['onError']>,
  error: AuthorizerError,
  context: Context,
  reply: FastifyReply,
): Promise<boolean> {
  let calls = 0;
  const watched = new Proxy(reply, {
    get(target, property, receiver) {
      const value: unknown = Reflect.get(target, property, receiver);
      if (typeof value !== 'function' || (property !== 'send' && property !== 'callNotFound')) return value;
      return (...args: unknown[]) => {
        calls++;
        try {
          return Reflect.apply(value, target, args);
        } catch (thrown) {
          calls--; // a call that throws has sent nothing, unless the reply says so
          throw thrown;
        }
      };
    },
  });
  const isTaken = () => calls > 0 || reply.sent || reply.raw.headersSent || hasTimedOut(context.native);
  try {
    await onError(error, context.native, watched);
  } catch (thrown) {
    if (!isTaken()) throw thrown;
    reply.log.error({ err: thrown }, 'onError threw after it had taken over the reply');
  }
  return isTaken() || context.signal?.aborted === true; // a caller who has hung up needs no response
}

/**
 * Returns whether Fastify has begun its own response because the route's `handlerTimeout` is over.
 *
 * Reads `signal` only on routes with `handlerTimeout`: elsewhere reading it would add a listener.
 */
function hasTimedOut(request: FastifyRequest): boolean {
  return request.routeOptions.handlerTimeout > 0 && request.signal.reason?.code === 'FST_ERR_HANDLER_TIMEOUT';
}

/** `app.register(introspect, { issuer, clientId, clientSecret })`. */
export const introspect = fp(plugin, { fastify: '5.x', name: '@acme/introspect-fastify' });

/**
 * The token of a guarded request.
 *
 * @throws Error, answered by Fastify with 500, on a route without guard, or with an optional one that let nobody in
 */
export function introspectionOf(
  request: Pick<FastifyRequest, 'introspection'> & { readonly routeOptions: { readonly url?: string | undefined } },
): ActiveToken {
  if (request.introspection !== null) return request.introspection;
  throw new Error(
    `No token was accepted for ${request.routeOptions.url ?? 'this route'}: guard it with { onRequest: app.requireToken() }`,
  );
}
