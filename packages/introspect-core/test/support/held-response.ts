import type { ScriptedResponse } from '@acme/introspect-testing';

/** A response that the server holds back until the test releases it. */
export function holdResponse(response: ScriptedResponse) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const held: ScriptedResponse = (outgoing, request) => void promise.then(() => response(outgoing, request));
  return { held, release };
}
