import {
  type AnyAuthorizer,
  type Authorizer,
  isAuthorizer,
  type Policy,
  type RoutePolicy,
} from '@acme/introspect-core';
import {
  denialResponse,
  isDecided,
  type NativeRequestContext,
  protect,
  webRequestContext,
} from '@acme/introspect-core/adapter';
import * as v from 'valibot';
import { checkedOptions, optionsObject } from '../../options.js';
import { type AuthInfo, authInfoOf, tokenIn } from './auth-info.js';
import { type McpPolicy, policyDeciders } from './message-policy.js';
import { problemResponse, type ReadBody, readMessages } from './messages.js';
import { documentResponse } from './resource-document.js';
import { type ScopeImplies, scopeImplications, scopeImpliesSchema, withImplied } from './scope-implications.js';
import { serverInfoOf, type UntypedAuthorizer } from './server-info.js';

/** The options of {@link mcpGate}. */
export interface McpGateOptions {
  /**
   * Which scopes a scope grants in addition, such as `{ 'files:write': ['files:read'] }`. Policies accept them, and
   * `AuthInfo.scopes` lists them.
   *
   * @default a scope grants only itself
   */
  scopeImplies?: ScopeImplies;
  /**
   * The largest body, in bytes, that the gate reads for a policy of each message. A larger one gets 413. Without such a
   * policy, the gate reads no body.
   *
   * @default 4194304 (4 MiB), as in the SDK
   */
  maxBodyBytes?: number;
  /**
   * Accepts an authorizer without `audience`. Set it only if the authorization server itself reports tokens for other APIs
   * as inactive: MCP requires that a token was issued for this server.
   *
   * @default false: `mcpGate` throws a TypeError for such an authorizer
   */
  anyAudience?: boolean;
}

/** What some runtimes pass together with a request, such as the `ctx` of a Cloudflare Worker. */
export interface McpRuntime {
  /** Keeps the runtime awake for work that goes on after the response. */
  waitUntil?(promise: Promise<unknown>): void;
}

/**
 * Decides about one request. Resolves with what the SDK calls `AuthInfo`, or with the `Response` to send. With an optional
 * policy, it resolves with `undefined` for a request without bearer credentials. Rejects with an error of the app's own
 * code, and with `request.signal.reason` after a hang-up: the handler must not run then.
 */
export interface McpGate<Anonymous = never> {
  (request: Request, runtime?: McpRuntime): Promise<AuthInfo | Response | Anonymous>;
  /** @internal For `toNodeHandler`. */
  readonly [gateCore]: GateCore;
}

/** The part of a gate that does not depend on the kind of request. */
interface GateCore {
  readonly maxBodyBytes: number;
  /** @param readBody is called if the decision depends on the messages */
  decide(
    request: NativeRequestContext<unknown>,
    readBody: () => Promise<ReadBody>,
  ): Promise<AuthInfo | Response | undefined>;
}

/** The member of a gate for `toNodeHandler`. It is registered, because an application can hold two builds of this file. */
export const gateCore: unique symbol = Symbol.for('@acme/introspect-core/mcp-gate');

const bytes = 'must be a whole number of bytes, at least 1';
const schema = optionsObject({
  scopeImplies: scopeImpliesSchema,
  maxBodyBytes: v.optional(v.pipe(v.number(bytes), v.safeInteger(bytes), v.minValue(1, bytes)), 4_194_304),
  anyAudience: v.optional(v.boolean('must be true or false'), false),
});

const noAudience =
  'mcpGate: the authorizer has no "audience", but MCP requires that a token was issued for this server: set "audience" to what your authorization server puts into "aud". If the server itself reports tokens for other APIs as inactive, you can set "anyAudience" of mcpGate to true instead';

/** These requests open or end a stream. The SDK does not read a body of theirs. */
const withoutBody = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

/**
 * Returns the gate of an MCP server, for the authorization specification of MCP, revisions 2026-07-28 and 2025-11-25. It
 * takes the place of `requireBearerAuth` of the SDK, and serves the RFC 9728 document at its well-known path.
 *
 * The authorizer needs `resource`, the URL of the MCP endpoint, and `audience`: MCP requires that a token was issued for
 * this server. The gate itself does not compare `resource` with `aud`.
 *
 * `OPTIONS` is guarded like every other method, except for the document: put CORS in front of the gate.
 *
 * @example
 * ```ts
 * const gate = mcpGate(authorizer, { scopes: ['files:read'] });
 * const auth = await gate(request);
 * return auth instanceof Response ? auth : handler.fetch(request, { authInfo: auth });
 * ```
 * @throws TypeError naming the option, or the invalid member of the policy; if the authorizer has no `resource` or no
 * `audience`
 */
export function mcpGate<
  Claims = unknown,
  Scope extends string = string,
  Role extends string = string,
  Optional extends boolean = false,
>(
  authorizer: Authorizer<Claims, Scope, Role>,
  policy?: McpPolicy<RoutePolicy<NoInfer<Claims>, NoInfer<Scope>, NoInfer<Role>, unknown, Optional>>,
  options?: McpGateOptions,
): McpGate<Optional extends true ? undefined : never>;
export function mcpGate<Optional extends boolean = false>(
  authorizer: UntypedAuthorizer,
  policy?: McpPolicy<RoutePolicy<unknown, string, string, unknown, Optional>>,
  options?: McpGateOptions,
): McpGate<Optional extends true ? undefined : never>;
export function mcpGate(authorizer: AnyAuthorizer, policy: unknown = {}, options: object = {}): McpGate<undefined> {
  if (!isAuthorizer(authorizer)) throw new TypeError('mcpGate: pass an Authorizer');
  const { scopeImplies = {}, maxBodyBytes, anyAudience } = checkedOptions('mcpGate', schema, options);
  const implications = scopeImplications(scopeImplies);
  const metadata = authorizer.resourceMetadata();
  const server = serverInfoOf(authorizer, metadata, implications.granted);
  if (!server.checksAudience && !anyAudience) throw new TypeError(noAudience);
  const deciderOf = policyDeciders(policy as McpPolicy<Policy>, (each) =>
    protect<unknown>({ authorizer, passPreflight: false }, withImplied(each, implications)),
  );

  async function decide(request: NativeRequestContext<unknown>, readBody: () => Promise<ReadBody>) {
    const { method = 'GET', url = '' } = request;
    const document = documentResponse(metadata, { method, url });
    if (document !== undefined) return document;
    const needsBody = typeof policy === 'function' && !withoutBody.has(method);
    const body = needsBody ? await readBody() : undefined;
    const pending = deciderOf(body?.messages ?? [undefined])(request);
    const decision = isDecided(pending) ? pending : await pending;
    if (!decision.allowed) return denialResponse(decision);
    if (body?.problem !== undefined) return problemResponse(body.problem); // without a token, the challenge comes first
    return decision.token ? authInfoOf(tokenIn(request.authorization), decision.token, server) : undefined;
  }

  const gate = (request: Request, runtime: McpRuntime = {}) => {
    const context = webRequestContext<unknown>(request, request, () => runtime);
    return decide(context, () => readMessages(chunksOf(request), maxBodyBytes));
  };
  return Object.assign(gate, { [gateCore]: { maxBodyBytes, decide } });
}

/** Reads a copy of the body, so that the server can read it again. Stops reading when the loop ends. */
async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.bodyUsed) throw new TypeError('mcpGate: the body was already read; call the gate before you read it');
  const reader = request.clone().body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // it ends only when the other copy ends too
  }
}
