import type { LogEntry, Policy } from '@acme/introspect-core';
import {
  type AdapterExtras,
  type AdapterOptions,
  combinedPolicy,
  type Decision,
  isDecided,
  isHangUp,
  type NodeRequest,
  nodeRequestContext,
  type Protect,
  protect,
} from '@acme/introspect-core/adapter';
import {
  type CanActivate,
  type ExecutionContext,
  HttpException,
  Inject,
  Injectable,
  Logger,
  type Type,
} from '@nestjs/common';
import { keepToken } from './introspection.js';
import { policiesOf, type RouteHandler } from './route-policies.js';

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

type Route = Protect<PlatformRequest> | 'public';
/** Whether a call of a handler may go on. */
type Verdict = boolean | Promise<boolean>;
/** Fastify's holds Node's request, Express's is Node's. */
type FoundRequest = PlatformRequest & NodeRequest & { readonly raw?: NodeRequest };

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
  readonly #routes = new WeakMap<Type, WeakMap<RouteHandler, Route>>();

  constructor(options: AdapterOptions<PlatformRequest, IntrospectExtras>) {
    this.options = options;
  }

  readonly requestOf = (context: ExecutionContext): FoundRequest | undefined => {
    const found = this.options.extras.requestOf?.(context);
    return (found ?? (context.getType() === 'http' ? context.switchToHttp().getRequest() : undefined)) as FoundRequest;
  };

  /**
   * Returns what decides about a route. Makes it at the first call.
   *
   * @throws TypeError naming what is wrong with the policies of the route
   */
  routeOf(controller: Type, handler: RouteHandler): Route {
    const known = this.#routes.get(controller)?.get(handler);
    if (known !== undefined) return known;
    const routes = this.#routes.get(controller) ?? new WeakMap<RouteHandler, Route>();
    const route = this.#newRoute(policiesOf(controller, handler));
    this.#routes.set(controller, routes.set(handler, route));
    return route;
  }

  #newRoute(policies: readonly Policy[] | 'public'): Route {
    return policies === 'public' ? policies : protect(this.options.source, combinedPolicy(policies), writeLine);
  }
}

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
    const { verdictKey } = this.#runtime;
    const known: Verdict | undefined = Reflect.get(context, verdictKey);
    if (known !== undefined) return known;
    const verdict = this.#decide(context);
    Reflect.set(context, verdictKey, verdict);
    return verdict;
  }

  #decide(context: ExecutionContext): Verdict {
    const { requestOf } = this.#runtime;
    const route = this.#runtime.routeOf(context.getClass(), context.getHandler());
    if (route === 'public') return true;
    const native = requestOf(context);
    const nodeRequest = native?.raw ?? native;
    if (native === undefined || !Array.isArray(nodeRequest?.rawHeaders)) return Promise.reject(noRequest(context));
    const response = context.getType() === 'http' ? context.switchToHttp().getResponse() : undefined;

    const settle = (decision: Decision): true => {
      if (decision.allowed) {
        if (decision.token !== undefined) keepToken(decision.token, native, context.getClass(), requestOf);
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

function noRequest(context: ExecutionContext): Error {
  return new Error(
    `IntrospectGuard finds no HTTP request in a context of kind "${context.getType()}": give IntrospectModule the option "requestOf"`,
  );
}
