import { Authorizer } from '@acme/introspect-core';
import {
  type AuthorizerInput,
  type AuthorizerSource,
  authorizerSource,
  combinedPolicy,
  guardBySource,
  type NativeGuard,
  splitOptions,
} from '@acme/introspect-core/adapter';
import type { ExecutionContext, Type } from '@nestjs/common';
import type { IntrospectExtras, IntrospectModuleOptions } from './introspect-module-options.js';
import { policiesOf, type RouteHandler } from './route-policies.js';

/** Nest prints the description if a module uses the guard but does not import an IntrospectModule. */
export const INTROSPECT_RUNTIME = Symbol('IntrospectModule.forRoot(…): import it here, or anywhere if it is global');

const extraNames = ['serveResourceMetadata', 'onError', 'requestOf'] as const satisfies (keyof IntrospectExtras)[];

/** What all guards of one `IntrospectModule` share. It does not hold the options, which may contain a secret. */
export class IntrospectRuntime {
  readonly #source: AuthorizerSource<unknown>;
  readonly #extras: IntrospectExtras;
  #anyToken: NativeGuard<unknown> | undefined;
  /** The guard for the empty policy. It is made at first use, because `policyProblem` may reject an empty policy. */
  readonly #guardAny: NativeGuard<unknown> = (request) => {
    this.#anyToken ??= guardBySource(this.#source);
    return this.#anyToken(request);
  };
  /** The guards by controller and handler, because two controllers may inherit one handler. */
  readonly #routes = new WeakMap<Type, WeakMap<RouteHandler, NativeGuard<unknown> | 'public'>>();
  readonly #verdicts = new WeakMap<ExecutionContext, boolean | Promise<boolean>>();

  /** @throws TypeError naming the option */
  constructor(options: IntrospectModuleOptions | AuthorizerSource<unknown>) {
    if (options === undefined || options === null) {
      throw new TypeError(
        'IntrospectModule: the options are missing: pass them to forRoot(), or return them from the factory of forRootAsync()',
      );
    }
    const isSource = options instanceof Authorizer || typeof options === 'function';
    const [extras, input] = isSource ? [{}, options] : splitOptions(options as IntrospectModuleOptions, extraNames);
    this.#extras = extras;
    this.#source = authorizerSource(input as AuthorizerInput<unknown>);
  }

  get source(): AuthorizerSource<unknown> {
    return this.#source;
  }

  get extras(): IntrospectExtras {
    return this.#extras;
  }

  /**
   * Returns the guard of a route. Makes it at the first call.
   *
   * @throws TypeError naming the route, and what is wrong with its policies
   */
  routeOf(controller: Type, handler: RouteHandler): NativeGuard<unknown> | 'public' {
    const routes = this.#routes.get(controller) ?? new WeakMap();
    this.#routes.set(controller, routes);
    const route = routes.get(handler) ?? this.#guardFor(controller, handler);
    routes.set(handler, route);
    return route;
  }

  #guardFor(controller: Type, handler: RouteHandler): NativeGuard<unknown> | 'public' {
    const policies = policiesOf(controller, handler);
    if (policies === 'public') return 'public';
    if (policies.length === 0) return this.#guardAny;
    try {
      return guardBySource(this.#source, combinedPolicy(policies));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new TypeError(`${controller.name}.${handler.name}: ${error.message}`, { cause: error });
    }
  }

  /** Checks a call of a handler once, even if it has several guards: Nest gives all of them the same context. */
  once(context: ExecutionContext, judge: () => boolean | Promise<boolean>): boolean | Promise<boolean> {
    const known = this.#verdicts.get(context);
    if (known !== undefined) return known;
    const verdict = judge();
    this.#verdicts.set(context, verdict);
    return verdict;
  }
}
