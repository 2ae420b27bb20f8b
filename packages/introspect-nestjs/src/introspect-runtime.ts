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

/** Nest prints the description if a module uses the guard and this is not there. */
export const INTROSPECT_RUNTIME = Symbol('IntrospectModule.forRoot(…): import it here, or anywhere if it is global');

const extraNames = ['serveResourceMetadata', 'onError', 'requestOf'] as const satisfies (keyof IntrospectExtras)[];

/** What all guards of one `IntrospectModule` share. It does not keep the options: they may hold a secret. */
export class IntrospectRuntime {
  readonly #source: AuthorizerSource<unknown>;
  readonly #extras: IntrospectExtras;
  #anyToken: NativeGuard<unknown> | undefined;
  /** Made with the first request: `policyProblem` may reject an empty policy, and perhaps no route has one. */
  readonly #guardAny: NativeGuard<unknown> = (request) => {
    this.#anyToken ??= guardBySource(this.#source);
    return this.#anyToken(request);
  };
  /** By controller and route: two controllers may inherit one handler. What the decorators say does not change. */
  readonly #routes = new WeakMap<Type, WeakMap<RouteHandler, NativeGuard<unknown> | 'public'>>();
  readonly #verdicts = new WeakMap<ExecutionContext, boolean | Promise<boolean>>();

  /** @throws TypeError naming the option */
  constructor(options: IntrospectModuleOptions | AuthorizerSource<unknown>) {
    if (options === undefined || options === null) {
      throw new TypeError(
        'IntrospectModule: the options are missing; give them to forRoot(), or return them from the factory of forRootAsync()',
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
   * Returns the guard of a route, which is made at the first call.
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

  /** Judges a call of a handler once, however many guards it has: Nest gives all of them one context. */
  once(context: ExecutionContext, judge: () => boolean | Promise<boolean>): boolean | Promise<boolean> {
    const known = this.#verdicts.get(context);
    if (known !== undefined) return known;
    const verdict = judge();
    this.#verdicts.set(context, verdict);
    return verdict;
  }
}
