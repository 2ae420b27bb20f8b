import type { ActiveToken } from '@acme/introspect-core';
import {
  type Decision,
  isDecided,
  isHangUp,
  type NativeRequestContext,
  type NodeRequest,
  nodeRequestContext,
} from '@acme/introspect-core/adapter';
import { type CanActivate, type ExecutionContext, HttpException, Inject, Injectable } from '@nestjs/common';
import { INTROSPECT_RUNTIME, type IntrospectRuntime } from './introspect-runtime.js';
import { httpRequestOf, keepIntrospection, type RequestOf } from './introspection.js';

/** Fastify's holds Node's request, Express's is Node's. */
type PlatformRequest = Partial<NodeRequest> & { raw?: Partial<NodeRequest> };

/**
 * Lets a request pass if its token satisfies the policies of the route and of its controller. If there are none, any
 * good token passes. `@RequireToken()` applies this guard.
 */
@Injectable()
export class IntrospectGuard implements CanActivate {
  readonly #runtime: IntrospectRuntime;
  readonly #requestOf: RequestOf;

  constructor(@Inject(INTROSPECT_RUNTIME) runtime: IntrospectRuntime) {
    this.#runtime = runtime;
    this.#requestOf = (context) => runtime.extras.requestOf?.(context) ?? httpRequestOf(context);
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return this.#runtime.once(context, () => {
      const decide = this.#runtime.routeOf(context.getClass(), context.getHandler());
      if (decide === 'public') return true;
      const request = this.#contextOf(context);
      if (request === undefined) return Promise.reject(noRequest(context));
      const decision = decide(request);
      const isHit = isDecided(decision) && decision.allowed;
      return isHit ? this.#accept(decision.token, request, context) : this.#carryOut(decision, request, context);
    });
  }

  async #carryOut(
    pending: Decision | Promise<Decision>,
    request: NativeRequestContext<object>,
    context: ExecutionContext,
  ): Promise<boolean> {
    const decision = await Promise.resolve(pending).catch((error) => {
      throw isHangUp(error, request) ? clientClosedRequest(error) : error;
    });
    if (decision.allowed) return this.#accept(decision.token, request, context);
    const { error, status, headers } = decision;
    await this.#runtime.extras.onError?.(error, context);
    // Nest drops the fields of a thrown error.
    for (const [name, value] of headers) httpResponseOf(context)?.header(name, value);
    throw new HttpException(error.body, status, { cause: error });
  }

  #accept(token: ActiveToken | null | undefined, request: NativeRequestContext<object>, context: ExecutionContext) {
    const { native } = request;
    if (token !== undefined) keepIntrospection(context, { request: native, requestOf: this.#requestOf, token });
    return true;
  }

  #contextOf(context: ExecutionContext): NativeRequestContext<object> | undefined {
    const native: PlatformRequest | undefined = this.#requestOf(context);
    const request = native?.raw ?? native;
    if (native === undefined || !isNodeRequest(request)) return undefined;
    const response = httpResponseOf(context);
    return nodeRequestContext(request, response?.raw ?? response, native);
  }
}

function httpResponseOf(context: ExecutionContext) {
  return context.getType() === 'http' ? context.switchToHttp().getResponse() : undefined;
}

function noRequest(context: ExecutionContext): Error {
  return new Error(
    `IntrospectGuard finds no HTTP request in a context of kind "${context.getType()}": give IntrospectModule the option "requestOf"`,
  );
}

function isNodeRequest(request: Partial<NodeRequest> | undefined): request is NodeRequest {
  return Array.isArray(request?.rawHeaders);
}

/** An HttpException, because Nest does not log one: a hang-up is not a failure of this API. */
function clientClosedRequest(cause: unknown): HttpException {
  return new HttpException('Client Closed Request', 499, { cause });
}
