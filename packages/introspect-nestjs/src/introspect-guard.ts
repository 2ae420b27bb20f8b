import {
  errorAnswer,
  type GuardOutcome,
  isAtOnce,
  isHangUp,
  isRequestError,
  type NativeRequestContext,
} from '@acme/introspect-core/adapter';
import { type NodeRequest, nodeRequestContext } from '@acme/introspect-core/node';
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
    return this.#runtime.once(context, () => this.#judge(context));
  }

  #judge(context: ExecutionContext): boolean | Promise<boolean> {
    const guard = this.#runtime.routeOf(context.getClass(), context.getHandler());
    if (guard === 'public') return true;
    let request: NativeRequestContext<object> | undefined;
    try {
      request = this.#contextOf(context);
      const outcome = guard(request);
      return isAtOnce(outcome) ? this.#accept(outcome, request, context) : this.#waitFor(outcome, request, context);
    } catch (error) {
      return this.#refuse(error, request, context);
    }
  }

  async #waitFor(
    outcome: Promise<GuardOutcome>,
    request: NativeRequestContext<object>,
    context: ExecutionContext,
  ): Promise<boolean> {
    try {
      return this.#accept(await outcome, request, context);
    } catch (error) {
      return this.#refuse(error, request, context);
    }
  }

  #accept(token: GuardOutcome, { native }: NativeRequestContext<object>, context: ExecutionContext): true {
    if (token !== undefined) keepIntrospection(context, { request: native, requestOf: this.#requestOf, token });
    return true;
  }

  async #refuse(
    error: unknown,
    request: NativeRequestContext<object> | undefined,
    context: ExecutionContext,
  ): Promise<never> {
    if (!isRequestError(error)) throw request && isHangUp(error, request) ? clientClosedRequest(error) : error;
    await this.#runtime.extras.onError?.(error, context);
    const { status, headers } = errorAnswer(error);
    const response = context.getType() === 'http' ? context.switchToHttp().getResponse() : undefined;
    // Nest drops the fields of a thrown error.
    for (const [name, value] of headers) response?.header(name, value);
    throw new HttpException(error.body, status, { cause: error });
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

/** An HttpException, because Nest does not log one: a hang-up is not a failure of this API. */
function clientClosedRequest(cause: unknown): HttpException {
  return new HttpException('Client Closed Request', 499, { cause });
}
