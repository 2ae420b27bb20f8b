import type { Introspect, IntrospectionCall } from '../../src/client/pipeline.js';
import type { IntrospectionResponse } from '../../src/protocol/active-token.js';
import type { IntrospectionRequest } from '../../src/protocol/introspection-request.js';

/** A call, as a stage of the client gets it. */
export const introspectionCall = (changes: Partial<IntrospectionCall> = {}): IntrospectionCall => ({
  token: 'token',
  priority: 'normal',
  signal: undefined,
  leftMs: () => 5000,
  attempt: 1,
  ...changes,
});

export const introspectionRequest = (authorization = 'Basic old'): IntrospectionRequest => ({
  url: 'https://as.example/introspect',
  method: 'POST',
  headers: { authorization },
  body: 'token=token',
});

/** The rest of a pipeline: its results, one for each call, and the calls that it got. An error is thrown. */
export function scriptedNext(...results: (IntrospectionResponse | Error | Promise<never>)[]) {
  const calls: IntrospectionCall[] = [];
  const next: Introspect = async (call) => {
    calls.push(call);
    const result = results.shift() ?? { active: true };
    if (result instanceof Error) throw result;
    return result;
  };
  return { next, calls };
}
