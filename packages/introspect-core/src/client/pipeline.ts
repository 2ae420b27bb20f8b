import type { Priority } from '../events/events.js';
import type { IntrospectionResponse } from '../protocol/active-token.js';
import type { IntrospectionRequest } from '../protocol/introspection-request.js';

/** One call of `introspect`, as a stage gets it. A stage that changes something passes on a changed copy. */
export interface IntrospectionCall {
  readonly token: string;
  readonly priority: Priority;
  readonly signal: AbortSignal | undefined;
  /** Returns how many milliseconds are left until the deadline for the whole call. */
  readonly leftMs: () => number;
  /** The number of the attempt, 1 for the first. An attempt with renewed credentials counts too. */
  readonly attempt: number;
  /** The request to send, with renewed credentials. If it is absent, the attempt makes the request. */
  readonly request?: IntrospectionRequest | undefined;
}

export type Introspect = (call: IntrospectionCall) => Promise<IntrospectionResponse>;

/** One concern of the client. It decides whether, when and how often `next` is called. */
export type Stage = (call: IntrospectionCall, next: Introspect) => Promise<IntrospectionResponse>;

/** Joins stages, the outermost first, around `last`. */
export function compose(stages: readonly Stage[], last: Introspect): Introspect {
  return stages.reduceRight<Introspect>((next, stage) => (call) => stage(call, next), last);
}
