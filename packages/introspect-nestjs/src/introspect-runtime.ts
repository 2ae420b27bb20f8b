import type { AuthorizerError } from '@acme/introspect-core';
import {
  type AuthorizerInput,
  type AuthorizerSource,
  adapterOptions,
  combinedPolicy,
  type Protect,
  protect,
} from '@acme/introspect-core/adapter';
import type { ExecutionContext, Type } from '@nestjs/common';
import { policiesOf, type RouteHandler } from './route-policies.js';

export interface IntrospectExtras {
  /** Serves the RFC 9728 document of `resource`, unguarded. */
  serveResourceMetadata?: boolean;
  /** Called in place of the guard's answer. It must throw; else the guard does. */
  onError?: (error: AuthorizerError, context: ExecutionContext) => unknown;
  /**
   * Finds the HTTP request where the context is of another kind than `http`, such as GraphQL's. One object for each
   * request: not the one that opened a WebSocket, whose token would count for all that follows within 5 s.
   */
  requestOf?: (context: ExecutionContext) => object | undefined;
}

/** The options of an `Authorizer`, or `{ authorizer }`: one, or a function that chooses one for each request. */
export type IntrospectModuleOptions = Exclude<AuthorizerInput<unknown>, (...args: never) => unknown> & IntrospectExtras;

/** Nest prints the description if a module uses the guard but does not import an IntrospectModule. */
export const INTROSPECT_RUNTIME = Symbol('IntrospectModule.forRoot(…): import it here, or anywhere if it is global');

type Route = Protect<unknown> | 'public';

/** What all guards of one `IntrospectModule` share. It does not hold the options, which may contain a secret. */
export class IntrospectRuntime {
  readonly #options: IntrospectExtras & { source: AuthorizerSource<unknown> };
  #anyToken: Protect<unknown> | undefined;
  /** Decides by the empty policy, which is checked at the first use: `policyProblem` may reject it. */
  readonly #protectAny: Protect<unknown> = (request) => {
    this.#anyToken ??= protect(this.source);
    return this.#anyToken(request);
  };
  /** By controller and handler, because two controllers may inherit one handler. */
  readonly #routes = new WeakMap<Type, WeakMap<RouteHandler, Route>>();
  readonly #verdicts = new WeakMap<ExecutionContext, boolean | Promise<boolean>>();

  /** @throws TypeError naming the option */
  constructor(options: IntrospectModuleOptions | AuthorizerSource<unknown>) {
    if (options === undefined || options === null) {
      throw new TypeError(
        'IntrospectModule: the options are missing: pass them to forRoot(), or return them from the factory of forRootAsync()',
      );
    }
    this.#options = adapterOptions<unknown, IntrospectExtras>(options, [
      'serveResourceMetadata',
      'onError',
      'requestOf',
    ]);
  }

  get source(): AuthorizerSource<unknown> {
    return this.#options.source;
  }

  get extras(): IntrospectExtras {
    return this.#options;
  }

  /**
   * Returns what decides about a route. Makes it at the first call.
   *
   * @throws TypeError naming the route, and what is wrong with its policies
   */
  routeOf(controller: Type, handler: RouteHandler): Route {
    const routes = this.#routes.get(controller) ?? new WeakMap<RouteHandler, Route>();
    const route = routes.get(handler) ?? this.#newRoute(controller, handler);
    this.#routes.set(controller, routes.set(handler, route));
    return route;
  }

  #newRoute(controller: Type, handler: RouteHandler): Route {
    const policies = policiesOf(controller, handler);
    if (policies === 'public') return 'public';
    if (policies.length === 0) return this.#protectAny;
    try {
      return protect(this.source, combinedPolicy(policies));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new TypeError(`${controller.name}.${handler.name}: ${error.message}`, { cause: error });
    }
  }

  /** Checks a call of a handler once, even if it has several guards: Nest gives all of them the same context. */
  once(context: ExecutionContext, judge: () => boolean | Promise<boolean>): boolean | Promise<boolean> {
    const verdict = this.#verdicts.get(context) ?? judge();
    this.#verdicts.set(context, verdict);
    return verdict;
  }
}
