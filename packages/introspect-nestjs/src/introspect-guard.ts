import type { Policy } from '@acme/introspect-core';
import {
  type AuthorizerSource,
  errorAnswer,
  type GuardOutcome,
  guardBySource,
  isAtOnce,
  isRequestError,
  type NativeGuard,
  type NativeRequestContext,
} from '@acme/introspect-core/adapter';
import { type NodeRequest, nodeRequestContext } from '@acme/introspect-core/node';
import { type CanActivate, type ExecutionContext, HttpException, Inject, Injectable, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type Access, accessKey } from './access.js';
import { AUTHORIZER_SOURCE, type IntrospectExtras, MODULE_OPTIONS_TOKEN } from './introspect-module-options.js';
import { httpRequestOf, keepIntrospection, type RequestOf } from './introspection.js';

/** Fastify's holds Node's request, Express's is Node's. */
type PlatformRequest = Partial<NodeRequest> & { raw?: Partial<NodeRequest> };
type RouteHandler = ReturnType<ExecutionContext['getHandler']>;

/** Lets a request pass with a token that satisfies the policy of its route, or of its controller, or any token. */
@Injectable()
export class IntrospectGuard implements CanActivate {
  readonly #anyToken: NativeGuard<unknown>;
  readonly #guards = new WeakMap<Policy, NativeGuard<unknown>>();
  /** By route: what its decorators say does not change. */
  readonly #routes = new WeakMap<Type, WeakMap<RouteHandler, NativeGuard<unknown> | 'public'>>();
  readonly #requestOf: RequestOf;

  constructor(
    @Inject(AUTHORIZER_SOURCE) private readonly source: AuthorizerSource<unknown>,
    @Inject(MODULE_OPTIONS_TOKEN) private readonly options: IntrospectExtras,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {
    this.#anyToken = guardBySource(source);
    this.#requestOf = (context) => options.requestOf?.(context) ?? httpRequestOf(context);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const guard = this.#routeOf(context.getHandler(), context.getClass());
    if (guard === 'public') return true;
    try {
      const request = this.#contextOf(context);
      const outcome = guard(request);
      return isAtOnce(outcome)
        ? this.#accept(outcome, request.native, context)
        : this.#waitFor(outcome, request.native, context);
    } catch (error) {
      return this.#refuse(error, context);
    }
  }

  async #waitFor(outcome: Promise<GuardOutcome>, request: object, context: ExecutionContext): Promise<boolean> {
    try {
      return this.#accept(await outcome, request, context);
    } catch (error) {
      return this.#refuse(error, context);
    }
  }

  #accept(token: GuardOutcome, request: object, context: ExecutionContext): true {
    if (token !== undefined) keepIntrospection(context, { request, requestOf: this.#requestOf, token });
    return true;
  }

  async #refuse(error: unknown, context: ExecutionContext): Promise<never> {
    if (!isRequestError(error)) throw error;
    await this.options.onError?.(error, context);
    const { status, headers } = errorAnswer(error);
    const response = context.getType() === 'http' ? context.switchToHttp().getResponse() : undefined;
    // Nest drops the fields of a thrown error.
    for (const [name, value] of headers) response?.header(name, value);
    throw new HttpException(error.body, status, { cause: error });
  }

  /** The guard of a route, made once; `undefined` for a public one. */
  guardFor(handler: RouteHandler, controller: Type): NativeGuard<unknown> | undefined {
    const access = this.reflector.getAllAndOverride<Access | undefined>(accessKey, [handler, controller]);
    if (access === undefined) return this.#anyToken;
    if (access === 'public') return undefined;
    const guard = this.#guards.get(access.policy) ?? guardBySource(this.source, access.policy);
    this.#guards.set(access.policy, guard);
    return guard;
  }

  #routeOf(handler: RouteHandler, controller: Type): NativeGuard<unknown> | 'public' {
    const routes = this.#routes.get(controller) ?? new WeakMap();
    this.#routes.set(controller, routes);
    const route = routes.get(handler) ?? this.guardFor(handler, controller) ?? 'public';
    routes.set(handler, route);
    return route;
  }

  #contextOf(context: ExecutionContext): NativeRequestContext<object> {
    const native: PlatformRequest | undefined = this.#requestOf(context);
    const request = native?.raw ?? native;
    if (native === undefined || !isNodeRequest(request)) {
      throw new Error(
        `IntrospectGuard finds no HTTP request in a context of kind "${context.getType()}": give IntrospectModule the option "requestOf"`,
      );
    }
    const response = context.getType() === 'http' ? context.switchToHttp().getResponse() : undefined;
    return nodeRequestContext(request, response?.raw ?? response, native);
  }
}

function isNodeRequest(request: Partial<NodeRequest> | undefined): request is NodeRequest {
  return Array.isArray(request?.rawHeaders);
}
