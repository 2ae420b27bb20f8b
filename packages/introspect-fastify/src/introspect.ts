import type { ActiveToken, AnyAuthorizer, Authorizer, Policy, PolicyOf, TokenOf } from '@acme/introspect-core';
import {
  type AdapterExtras,
  adapterOptions,
  type Decision,
  type Denial,
  isDecided,
  isHangUp,
  type NativeRequestContext,
  type NodeRequest,
  type NodeResponse,
  nodeRequestContext,
  nodeTransport,
  type OptionsOrAuthorizer,
  protect,
  tokenOrThrow,
} from '@acme/introspect-core/adapter';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';

/** The plugin's own options. */
export interface IntrospectExtras extends AdapterExtras {
  /** Guards every route, except those with `config: { public: true }`. @default false */
  global?: boolean;
}

/** The options of an `Authorizer`, or `{ authorizer }`, and those of this plugin. */
export type IntrospectOptions = IntrospectExtras & OptionsOrAuthorizer<FastifyRequest>;

/**
 * A hook for `onRequest`, for apps over HTTP/1 or HTTP/2.
 *
 * For a denied request, it sends the response and never calls `done`, and its promise never resolves. So code after
 * `await hook(request, reply)` runs only for accepted requests. To combine conditions, use a policy with `anyOf`.
 *
 * With `done` it returns `undefined`. It calls `done()` after it accepted the token, and `done(error)` for an error of
 * the app. An async hook of your own must await its promise, and must not give it `done`.
 */
export interface TokenHook {
  (request: HookRequest, reply: HookReply, done: (error?: Error) => void): undefined;
  (request: HookRequest, reply: HookReply): Promise<unknown> | undefined;
}

/** The part of a request that the hook reads. It fits every kind of server that an app can run on. */
export type HookRequest = {
  /** Node's own request. */
  readonly raw: NodeRequest;
  /** The accepted token, which the hook sets. */
  introspection: ActiveToken | null;
};
/** The part of a reply that the hook reads. */
export type HookReply = {
  /** Node's own response. */
  readonly raw: NodeResponse;
};

declare module 'fastify' {
  interface FastifyInstance {
    /** The authorizer of the plugin. Reading it throws if a function chooses the authorizer for each request. */
    readonly authorizer: Authorizer;
    /**
     * Returns a hook that lets a request pass if its token satisfies the policy. With claims or vocabularies of your
     * own, write `app.requireToken<typeof authorizer>(…)`.
     *
     * @example
     * ```ts
     * const onRequest = app.requireToken({ scopes: ['items:read'] });
     * app.get('/items', { onRequest }, async (request) => introspectionOf(request).sub);
     * ```
     * @throws TypeError naming the invalid member of the policy
     */
    requireToken<Of extends AnyAuthorizer = Authorizer>(policy?: PolicyOf<Of, FastifyRequest>): TokenHook;
  }
  interface FastifyRequest {
    /** The accepted token. `null` before that, and if an optional guard accepted the request without a token. */
    introspection: ActiveToken | null;
  }
  interface FastifyContextConfig {
    /** Exempts a route from the plugin's option `global`. @default false */
    public?: boolean;
  }
}

/** The `config` of a route has it if its error handler sends denials. A route before the plugin lacks it. */
const sendsDenials = Symbol('introspect');
const denials = new WeakMap<FastifyRequest, Denial>();
/** Accepted by an optional guard. */
const withoutToken = new WeakSet<object>();

const plugin: FastifyPluginAsync<IntrospectOptions> = async (app, options) => {
  const names = ['serveResourceMetadata', 'global'] as const;
  const transport = nodeTransport(() => import('@acme/introspect-core/undici'));
  const { extras, source, authorizer, metadata, close } = adapterOptions('introspect', options, names, transport);

  // The log of an app without a logger is the same empty function for all levels. A silent log of pino has a level.
  const hasLogger = app.log.error !== app.log.warn || app.log.level !== undefined;

  const requireToken = (policy?: Policy, ...others: unknown[]): TokenHook => {
    if (others.length > 0) throw new TypeError(notCalled); // Fastify has called it as a hook
    const decide = protect(
      source,
      policy,
      hasLogger ? ({ level, message, ...fields }, { log }) => log[level](fields, message) : undefined,
    );
    const hook = (request: FastifyRequest, reply: FastifyReply, done?: (error?: Error) => void) => {
      const context = nodeRequestContext(request.raw, reply.raw, request);
      const decision = decide(context);
      if (isDecided(decision) && decision.allowed) {
        accept(request, decision.token);
        done?.();
        return undefined; // a promise would only cost time
      }
      const end = carryOut(decision, context, reply);
      return done === undefined ? end : callBack(end, done);
    };
    return hook as TokenHook;
  };

  app.decorateRequest('introspection', null);
  app.decorate('requireToken', requireToken as never);
  app.decorate('authorizer', {
    getter() {
      if (authorizer !== undefined) return authorizer as Authorizer;
      throw new Error('app.authorizer: a function chooses the authorizer for each request, so there is not one');
    },
  });
  app.addHook('onRoute', (route) => sendDenials(route, requireToken));
  app.addHook('onClose', close);
  if (extras.global) {
    const hook = requireToken();
    app.addHook('onRequest', (request, reply, done) =>
      request.routeOptions.config.public === true ? done() : hook(request, reply, done),
    );
  }
  if (metadata) app.get(metadata.path, { config: { public: true } }, async () => metadata.document);
};

const notCalled = 'app.requireToken is not a hook itself: call it, as in { onRequest: app.requireToken() }';

function accept(request: FastifyRequest, token: ActiveToken | null | undefined): void {
  request.introspection = token ?? null;
  if (token === null) withoutToken.add(request);
}

/** Resolves after the request was accepted. Never resolves after a denial. Rejects only with errors of the app. */
async function carryOut(
  pending: Decision | Promise<Decision>,
  context: NativeRequestContext<FastifyRequest>,
  reply: FastifyReply,
): Promise<unknown> {
  const { native: request } = context;
  try {
    const decision = isDecided(pending) ? pending : await pending;
    if (decision.allowed) return accept(request, decision.token);
    if (!hasTimedOut(request)) {
      denials.set(request, decision);
      if (sendsDenials in request.routeOptions.config) reply.code(decision.status).send(decision.error);
      else sendDenial(reply, decision);
    }
  } catch (error) {
    if (!isHangUp(error, context)) {
      if (!hasTimedOut(request)) throw error;
      reply.log.error({ err: error }, 'The guard failed after Fastify had responded because of handlerTimeout');
    }
  }
  return new Promise<never>(() => {});
}

/**
 * Lets a route send denials as they are, after the hooks of `onError` have seen the error. The error handler of the app
 * gets all other errors. Throws a TypeError for a route that has `requireToken` itself as a hook.
 */
function sendDenials(route: RouteOptions, requireToken: unknown): void {
  if (Object.values(route).flat().includes(requireToken)) throw new TypeError(notCalled);
  const { errorHandler = (error) => Promise.reject(error) } = route; // Fastify then calls that of the route's scope
  route.config = Object.assign({}, route.config, { [sendsDenials]: true });
  route.errorHandler = (error, request, reply) => {
    const denial = denials.get(request);
    return denial?.error === error ? sendDenial(reply, denial) : errorHandler.call(reply.server, error, request, reply);
  };
}

function sendDenial(reply: FastifyReply, { status, headers, body }: Denial): void {
  for (const [name, value] of headers) reply.header(name, value);
  reply.code(status).type('application/json').send(body);
}

/** Passes the end of a hook to its callback. */
function callBack(end: Promise<unknown>, done: (error?: Error) => void): undefined {
  end.then(
    () => done(),
    // For Fastify, done(undefined) means that there was no error.
    (error) => done(error || new Error(`The guard failed: a function of the app threw ${error} instead of an error`)),
  );
}

/** Returns whether Fastify has begun its own response because the route's `handlerTimeout` is over. */
function hasTimedOut(request: FastifyRequest): boolean {
  // On a route without `handlerTimeout`, reading `signal` would add a listener.
  return request.routeOptions.handlerTimeout > 0 && request.signal.reason?.code === 'FST_ERR_HANDLER_TIMEOUT';
}

/**
 * The plugin. It adds `app.requireToken`, `app.authorizer` and `request.introspection`. An authorizer that it made of
 * options is closed with the app.
 *
 * @example
 * ```ts
 * await app.register(introspect, { issuer, clientId, clientSecret });
 * app.get('/items', { onRequest: app.requireToken({ scopes: ['items:read'] }) }, listItems);
 * ```
 */
export const introspect = fp(plugin, { fastify: '5.x', name: '@acme/introspect-fastify' });

/**
 * Returns the token of a guarded request. With claims of your own, write `introspectionOf<typeof authorizer>(request)`.
 *
 * @throws Error if no guard ran for the request, or if an optional guard accepted a request without a token
 */
export function introspectionOf<Of extends AnyAuthorizer = Authorizer>(
  request: Pick<FastifyRequest, 'introspection'> & { readonly routeOptions: { readonly url?: string | undefined } },
): TokenOf<Of> {
  const token = request.introspection ?? (withoutToken.has(request) ? null : undefined);
  return tokenOrThrow(token, request.routeOptions.url ?? 'this route', 'request.introspection') as TokenOf<Of>;
}
