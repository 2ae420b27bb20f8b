import type { InvalidTokenReason } from '../errors/errors.js';
import type { FrameworkLog } from '../events/failure-log.js';
import type { RequestContext } from '../request/request-context.js';
import type { Decision } from './decision.js';

/** What a decision depends on beside request and policy. All members are required: see `DecisionOptions`. */
export interface RouteOptions {
  /** A token that did not come in an `Authorization` field. */
  readonly token: string | undefined;
  /** What was read after the scheme `Bearer` before. Without it, the field is read. */
  readonly candidate: string | undefined;
  /** Why the token is rejected without a lookup. */
  readonly rejection: InvalidTokenReason | undefined;
  /** Whether an adapter sends the denial, so that the option `errorBody` makes its body. */
  readonly isRoute: boolean;
  /** Writes log lines where the framework logs. Without it, they go to `console`. */
  readonly log: FrameworkLog | undefined;
}

/** The options of a decision outside of an adapter, about the `Authorization` field. */
export const routeDefaults: RouteOptions = {
  token: undefined,
  candidate: undefined,
  rejection: undefined,
  isRoute: false,
  log: undefined,
};

/** Decides about the requests of one policy. Never throws. */
export type DecideRoute = (request: RequestContext, options: RouteOptions) => Decision | Promise<Decision>;
