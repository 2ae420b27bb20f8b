import { combinedPolicy, type Policy } from '@acme/introspect-core';
import type { Protect } from '@acme/introspect-core/adapter';
import { isPromise } from '../../runtime/is-promise.js';
import type { McpMessage } from './messages.js';

/**
 * A policy for all requests, or a function that returns the policy for one message. The function gets `undefined` for a
 * request without a body, such as the GET that opens a stream, and for a body that the gate rejects. For a batch, all of
 * its policies must hold. The function must be synchronous. Return the same object again if you can: each object is
 * prepared once.
 */
export type McpPolicy<P = Policy> = P | ((message: McpMessage | undefined) => P);

type Decider = Protect<unknown>;

/**
 * Returns a function that gets the messages of a request, and returns the function that decides about the request.
 *
 * @throws TypeError naming the invalid member of `policy`, if it is not a function
 */
export function policyDeciders(
  policy: McpPolicy,
  prepare: (policy: Policy) => Decider,
): (messages: readonly (McpMessage | undefined)[]) => Decider {
  if (typeof policy !== 'function') {
    const decider = prepare(policy);
    return () => decider;
  }
  const known = new WeakMap<Policy, Decider>();
  return (messages) => {
    const [first, ...others] = new Set(messages.map((message) => checked(policy(message))));
    if (first === undefined) throw new TypeError('mcpGate: a request without a message has no policy');
    if (others.length > 0) return prepare(combinedPolicy([first, ...others]));
    const decider = known.get(first) ?? prepare(first);
    known.set(first, decider);
    return decider;
  };
}

/** @throws TypeError for a result that would count as an empty policy, which accepts every valid token */
function checked(policy: Policy): Policy {
  if (typeof policy === 'object' && policy !== null && !isPromise(policy)) return policy;
  throw new TypeError('mcpGate: the function must return a policy for each message, and not a promise');
}
