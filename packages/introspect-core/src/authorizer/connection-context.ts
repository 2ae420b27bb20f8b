import type { RequestContext } from '../request/request-context.js';

const contexts = new WeakSet<RequestContext>();

/** Returns the context for later decisions: without the signal of the request, which has perhaps ended. */
export function contextOfConnection(request: RequestContext, signal: AbortSignal): RequestContext {
  const { method, url, clientCertificate, native } = request;
  const context: RequestContext = {
    authorization: undefined,
    header: (name) => request.header?.(name) ?? [],
    signal,
    clientCertificate,
    native,
    ...(method !== undefined && { method }),
    ...(url !== undefined && { url }),
  };
  contexts.add(context);
  return context;
}

/**
 * Returns the context for the lookup. That of a connection has no `native`: guards with the same `native` share a
 * response for 5 s, but a later check of a connection needs a response of its own.
 */
export function contextForLookup(request: RequestContext): RequestContext {
  const { authorization, signal } = request;
  return contexts.has(request) ? { authorization, signal } : request;
}
