import type { ActiveToken, Authorizer, Policy } from '@acme/introspect-core';
import {
  type AuthorizerInput,
  authorizerSource,
  type GuardOutcome,
  guardBySource,
  isAtOnce,
  isHangUp,
  isRequestError,
  resourceMetadataOf,
  splitOptions,
} from '@acme/introspect-core/adapter';
import { type NodeRequest, type NodeResponse, nodeRequestContext } from '@acme/introspect-core/node';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type Context, hasTimedOut, type OnError, refuse, takesReply } from './refuse.js';

export interface IntrospectExtras {
  /** Serves the RFC 9728 document of `resource`, unguarded. */
  serveResourceMetadata?: boolean;
  /**
   * Sends or hijacks the reply in place of the plugin, or throws an error of its own. If it does neither, the plugin
   * sends the response. The `reply` is a proxy of Fastify's reply, so that the plugin notices a call of `send`.
   */
  onError?: OnError;
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

const plugin: FastifyPluginAsync<IntrospectOptions> = async (app, options) => {
  const [extras, input] = splitOptions(options, ['serveResourceMetadata', 'onError', 'global']);
  const { serveResourceMetadata = false, onError, global = false } = extras;
  const source = authorizerSource<FastifyRequest>(input as AuthorizerInput<FastifyRequest>);

  const requireToken = (policy?: Policy): TokenHook => {
    const guard = guardBySource(source, policy);
    const waitFor = async (outcome: Promise<GuardOutcome>, context: Context, reply: FastifyReply) => {
      try {
        context.native.introspection = (await outcome) ?? null;
      } catch (error) {
        return reject(error, context, reply);
      }
      return undefined;
    };
    /** Sends the response to a rejected request. Never resolves. Rejects only with errors of the app. */
    const reject = async (error: unknown, context: Context, reply: FastifyReply) => {
      if (isRequestError(error)) {
        const isTaken =
          hasTimedOut(context.native) || (onError !== undefined && (await takesReply(onError, error, context, reply)));
        if (!isTaken) refuse(reply, error);
      } else if (!isHangUp(error, context)) {
        if (!hasTimedOut(context.native)) throw error;
        reply.log.error({ err: error }, 'The guard failed after Fastify had responded because of handlerTimeout');
      }
      return new Promise<never>(() => {});
    };
    const hook = (hookRequest: HookRequest, hookReply: HookReply, done?: (error?: Error) => void) => {
      const request = hookRequest as FastifyRequest;
      const reply = hookReply as FastifyReply;
      const context = nodeRequestContext(request.raw, reply.raw, request);
      try {
        const outcome = guard(context);
        if (!isAtOnce(outcome)) return settle(waitFor(outcome, context, reply), done);
        request.introspection = outcome ?? null;
      } catch (error) {
        return settle(reject(error, context, reply), done);
      }
      done?.();
      return undefined; // a promise would only cost time
    };
    return hook as TokenHook;
  };

  app.decorateRequest('introspection', null);
  app.decorate('requireToken', requireToken);
  if (global) {
    const hook = requireToken();
    app.addHook('onRequest', (request, reply, done) =>
      request.routeOptions.config.public === true ? done() : hook(request, reply, done),
    );
  }
  if (serveResourceMetadata) {
    const { path, document } = resourceMetadataOf(source);
    app.get(path, { config: { public: true } }, async () => document);
  }
};

/** Passes the end of a hook to `done`; without `done`, returns the promise. */
function settle(end: Promise<unknown>, done: ((error?: Error) => void) | undefined): Promise<unknown> | undefined {
  if (done === undefined) return end;
  end.then(
    () => done(),
    // For Fastify, done(undefined) means that all is well.
    (error) => done(error || new Error(`The guard failed: a function of the app threw ${error} instead of an error`)),
  );
  return undefined;
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
