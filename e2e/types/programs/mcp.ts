// What the compiler must accept, and what it must reject. Compiled by types.test.ts as ESM and as CommonJS.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AnyAuthorizer, Authorizer } from '@acme/introspect-core';
import { type AuthInfo, mcpGate, mcpVerifier, toNodeHandler } from '@acme/introspect-core/mcp';
import { toNodeHandler as toMcpHandler } from '@modelcontextprotocol/node';
import * as errors from '@modelcontextprotocol/sdk/server/auth/errors.js';
import type { OAuthTokenVerifier as VerifierOfVersion1 } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import type { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { McpHttpHandler, OAuthTokenVerifier } from '@modelcontextprotocol/server';
import express from 'express';
import { withMcpAuth } from 'mcp-handler';

const authorizer = new Authorizer({
  issuer: 'https://as.example',
  clientId: 'api',
  clientSecret: 's',
  resource: 'https://mcp.example/mcp',
  claims: (token) => ({ id: String(token.sub) }),
  scopes: ['read', 'write'],
  roles: ['admin'],
  rolesOf: () => [],
});
declare const any: AnyAuthorizer;
declare const mcp: McpHttpHandler;
declare const transport: StreamableHTTPServerTransport;

/** Policies know the scopes, roles and claims of the authorizer. */
export async function policies(request: Request): Promise<void> {
  mcpGate(authorizer, { scopes: ['read'], anyRole: ['admin'], check: (token) => token.claims.id !== '' });
  mcpGate(authorizer, (message) => (message?.params?.name === 'write' ? { scopes: ['write'] } : {}), {
    scopeImplies: { write: ['read'] },
  });
  // @ts-expect-error mistyped
  mcpGate(authorizer, { scopes: ['reed'] });
  // @ts-expect-error mistyped, for one message
  mcpGate(authorizer, (message) => ({ scopes: message ? ['reed'] : ['read'] }));
  // @ts-expect-error an unknown option
  mcpGate(authorizer, {}, { scopesImply: {} });
  // @ts-expect-error a promise is not a policy
  mcpGate(authorizer, async () => ({}));

  const required: AuthInfo | Response = await mcpGate(any, { scopes: ['x'] })(request);
  const optional: AuthInfo | Response | undefined = await mcpGate(authorizer, { optional: true })(request);
  // @ts-expect-error without a token, there is no AuthInfo
  const wrong: AuthInfo | Response = await mcpGate(authorizer, { optional: true })(request);
  void [required, optional, wrong];
}

/** AuthInfo and the verifier are those of the SDK. */
export async function sdk(request: Request): Promise<Response> {
  const version1: VerifierOfVersion1 = mcpVerifier(authorizer, { errors, policy: { roles: ['admin'] } });
  const version2: OAuthTokenVerifier = mcpVerifier(any);
  // @ts-expect-error mistyped
  mcpVerifier(authorizer, { policy: { roles: ['amdin'] } });
  const handler = withMcpAuth(() => new Response(), mcpVerifier(authorizer).verifyToken);
  void [version1, version2, handler];
  const auth = await mcpGate(authorizer)(request);
  return auth instanceof Response ? auth : mcp.fetch(request, { authInfo: auth });
}

/** A handler may have the types of Node, Express or the SDK, or none. */
export function node(): void {
  const gate = mcpGate(authorizer);
  createServer(toNodeHandler(gate, toMcpHandler(mcp)));
  createServer(toNodeHandler(gate, (request, response) => void response.end(request.auth?.clientId)));
  const version1 = (request: IncomingMessage, response: ServerResponse, body?: unknown) =>
    transport.handleRequest(request, response, body);
  const app = express();
  app.all('/mcp', toNodeHandler(gate, version1));
  app.use(toNodeHandler(mcpGate(authorizer, { optional: true })));
  app.use('/mcp', toNodeHandler(gate, toMcpHandler(mcp)));
}
