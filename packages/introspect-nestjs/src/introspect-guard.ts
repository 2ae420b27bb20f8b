import type { ActiveToken, LogEntry } from '@acme/introspect-core';
import type { AdapterExtras, AdapterOptions, Decision, NodeRequest, Protect } from '@acme/introspect-core/adapter';
import { combinedPolicy, isDecided, isHangUp, nodeRequestContext, protect } from '@acme/introspect-core/adapter';
import { type CanActivate, type ExecutionContext, HttpException, Inject, Injectable, Logger } from '@nestjs/common';
import { policiesOf } from './route-policies.js';

/**
 * The request that Nest gives, as far as those of Express and Fastify are alike. A `check` can declare the type of its
 * platform instead, such as `RequestContext<FastifyRequest>`.
 */
export interface PlatformRequest {
  /** The HTTP method, in upper case. */
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** The header fields, with names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parameters of the route, such as `{ id: '7' }`. */
  readonly params: Readonly<Record<string, string>>;
  /** The parameters of the query, as the platform parses them. */
  readonly query: Readonly<Record<string, unknown>>;
}

/** The module's own options. */
export interface IntrospectExtras extends AdapterExtras {
  /**
   * Finds the HTTP request if the context is of another kind than `http`, such as GraphQL's. It must be one object for
   * each request: not the one that opened a WebSocket, whose token would count for all that follows within 5 s.
   *
   * @default only `http` contexts have a request; the guard throws an Error for others
   */
  requestOf?(context: ExecutionContext): object | undefined;
}

/**
 * Where a request keeps its token: nothing else that a handler is called with belongs to one request alone. A property
 * costs less for each request than a WeakMap.
 */
const tokenKey = Symbol('@acme/introspect-nestjs/token');

type Route = Protect<PlatformRequest> | 'public';
/** Whether a call of a handler may go on. */
type Verdict = boolean | Promise<boolean>;
/** Fastify's holds Node's request, Express's is Node's. */
type FoundRequest = PlatformRequest & NodeRequest & { readonly raw?: NodeRequest; [tokenKey]?: ActiveToken | null };

/** Nest prints the description if a module uses the guard but does not import an IntrospectModule. */
export const INTROSPECT_RUNTIME = Symbol('IntrospectModule.forRoot(…): import it here, or anywhere if it is global');

const logger = new Logger('IntrospectModule');
const writeLine = ({ level, message }: LogEntry) => logger[level](message);

/** What all guards of one `IntrospectModule` share. It does not hold the options, which may contain a secret. */
export class IntrospectRuntime {
  readonly options: AdapterOptions<PlatformRequest, IntrospectExtras>;
  /** Where a context keeps the verdict. A property costs less for each request than a WeakMap. */
  readonly verdictKey = Symbol('verdict');
  /** By controller and handler, because two controllers may inherit one handler. */
  readonly #routes = new WeakMap<object, WeakMap<object, Route>>();

  constructor(options: AdapterOptions<PlatformRequest, IntrospectExtras>) {
    this.options = options;
  }

  requestOf(context: ExecutionContext): FoundRequest | undefined {
    const found = this.options.extras.requestOf?.(context);
    return (found ?? (context.getType() === 'http' ? context.switchToHttp().getRequest() : undefined)) as FoundRequest;
  }

  /**
   * Returns what decides about a route. Makes it at the first call.
   *
   * @throws TypeError naming what is wrong with the policies of the route
   */
  routeOf(controller: object, handler: object): Route {
    const routes = this.#routes.get(controller) ?? new WeakMap<object, Route>();
    const known = routes.get(handler);
    if (known !== undefined) return known;
    const policies = policiesOf(controller, handler);
    const route = policies === 'public' ? policies : protect(this.options.source, combinedPolicy(policies), writeLine);
    this.#routes.set(controller, routes.set(handler, route));
    return route;
  }
}

/** Of the guard that last accepted a request to a controller, by the class of the controller. */
const runtimes = new WeakMap<object, IntrospectRuntime>();

/**
 * Lets a request pass if its token satisfies the policies of the route and of its controller. If there are none, any
 * good token passes. `@RequireToken()` applies this guard.
 *
 * For a denied request, it throws an `HttpException` with the response. Exception filters see the error of the
 * authorizer as its `cause`.
 */
@Injectable()
export class IntrospectGuard implements CanActivate {
  readonly #runtime: IntrospectRuntime;

  constructor(@Inject(INTROSPECT_RUNTIME) runtime: IntrospectRuntime) {
    this.#runtime = runtime;
  }

  /** Decides about a call of a handler once, even if it has several guards: Nest gives all of them the same context. */
  canActivate(context: ExecutionContext): Verdict {
    const verdicts: Record<symbol, Verdict | undefined> = Object(context);
    const { verdictKey } = this.#runtime;
    verdicts[verdictKey] ??= this.#decide(context);
    return verdicts[verdictKey];
  }

  #decide(context: ExecutionContext): Verdict {
    const runtime = this.#runtime;
    const controller = context.getClass();
    const route = runtime.routeOf(controller, context.getHandler());
    if (route === 'public') return true;
    const native = runtime.requestOf(context);
    const nodeRequest = native?.raw ?? native;
    if (native === undefined || !Array.isArray(nodeRequest?.rawHeaders)) {
      const fact = `IntrospectGuard finds no HTTP request in a context of kind "${context.getType()}"`;
      return Promise.reject(new Error(`${fact}: give IntrospectModule the option "requestOf"`));
    }
    const response = context.getType() === 'http' ? context.switchToHttp().getResponse() : undefined;

    const settle = (decision: Decision): true => {
      if (decision.allowed) {
        if (decision.token !== undefined) native[tokenKey] = decision.token;
        if (runtimes.get(controller) !== runtime) runtimes.set(controller, runtime);
        return true;
      }
      for (const [name, value] of decision.headers) response?.header(name, value); // Nest drops those of an exception
      throw new HttpException(JSON.parse(decision.body), decision.status, { cause: decision.error });
    };
    const request = nodeRequestContext(nodeRequest, response?.raw ?? response, native);
    const decision = route(request);
    if (isDecided(decision) && decision.allowed) return settle(decision); // a cache hit needs no promise
    return Promise.resolve(decision).then(settle, (error) => {
      // Nest does not log an HttpException: a hang-up is not a failure of this API.
      throw isHangUp(error, request) ? new HttpException('Client Closed Request', 499, { cause: error }) : error;
    });
  }
}

/**
 * Returns the token that a guard accepted for the request of a context: `null` if the guard is optional, and the request
 * has no bearer credentials.
 *
 * @throws Error if no guard accepted the request
 */
export function acceptedToken(context: ExecutionContext): ActiveToken | null {
  const request = runtimes.get(context.getClass())?.requestOf(context);
  // An object that inherits from a request is another request, such as one message of a connection.
  const token = request !== undefined && Object.hasOwn(request, tokenKey) ? request[tokenKey] : undefined;
  if (token !== undefined) return token;
  throw new Error(`No guard accepted a token for ${nameOf(context)}: guard it with @RequireToken()`);
}

/** The name of a handler in error messages. */
export const nameOf = (context: ExecutionContext) => `${context.getClass().name}.${context.getHandler().name}`;
