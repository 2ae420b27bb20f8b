import type { RequestError } from '@acme/introspect-core';
import { errorAnswer, type NativeRequestContext } from '@acme/introspect-core/adapter';
import type { FastifyReply, FastifyRequest } from 'fastify';

export type Context = NativeRequestContext<FastifyRequest>;

export type OnError = (error: RequestError, request: FastifyRequest, reply: FastifyReply) => unknown;

/**
 * Calls `onError` and returns whether it has taken over the reply.
 *
 * `reply.sent` alone does not tell: it is false while an `onSend` hook is pending.
 *
 * @throws what `onError` throws, except after it has taken over the reply: then the error is logged
 */
export async function takesReply(
  onError: OnError,
  error: RequestError,
  context: Context,
  reply: FastifyReply,
): Promise<boolean> {
  let isCalled = false;
  const watched = new Proxy(reply, {
    get(target, property, receiver) {
      const value: unknown = Reflect.get(target, property, receiver);
      if (typeof value !== 'function' || (property !== 'send' && property !== 'callNotFound')) return value;
      return (...args: unknown[]) => {
        const wasCalled = isCalled;
        isCalled = true;
        try {
          return Reflect.apply(value, target, args);
        } catch (thrown) {
          isCalled = wasCalled; // a call that throws has sent nothing, unless the reply says so
          throw thrown;
        }
      };
    },
  });
  const isTaken = () => isCalled || reply.sent || reply.raw.headersSent || hasTimedOut(context.native);
  try {
    await onError(error, context.native, watched);
  } catch (thrown) {
    if (!isTaken()) throw thrown;
    reply.log.error({ err: thrown }, 'onError threw after it had taken over the reply');
  }
  return isTaken() || context.signal?.aborted === true; // a caller who has hung up needs no response
}

/**
 * Returns whether Fastify has begun its own response because the route's `handlerTimeout` is over.
 *
 * Reads `signal` only on routes with `handlerTimeout`: elsewhere reading it would add a listener.
 */
export function hasTimedOut(request: FastifyRequest): boolean {
  return request.routeOptions.handlerTimeout > 0 && request.signal.reason?.code === 'FST_ERR_HANDLER_TIMEOUT';
}

/** Sends the response that an error asks for. */
export function refuse(reply: FastifyReply, error: RequestError): void {
  const { status, headers, body } = errorAnswer(error);
  for (const [name, value] of headers) reply.header(name, value);
  reply.code(status).type('application/json').send(body);
}
