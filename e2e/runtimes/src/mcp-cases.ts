import { Authorizer } from '@acme/introspect-core';
import { mcpGate } from '@acme/introspect-core/mcp';
import { assertEqual } from './assert.js';
import { patient, tokenFor } from './client-cases.js';
import type { RuntimeCase } from './runtime-case.js';

const reading = { scopes: ['items:read'] };
const writing = { scopes: ['items:write'] };
const read = '{"method":"tools/call","params":{"name":"read"}}';
const write = '{"method":"tools/call","params":{"name":"write"}}';

const responses: readonly [what: string, token: string | undefined, body: string, status: number | undefined][] = [
  ['lets a message pass', 'echo', read, undefined],
  ['responds 401 without a token', undefined, read, 401],
  ['responds 403 to a message that needs another scope', 'echo', write, 403],
  ['responds 400 to a body that is not JSON', 'echo', '{', 400],
  ['responds 413 to a body that is too large', 'echo', read.padEnd(100_000), 413],
  ['responds 503 if the server is busy', 'down', read, 503],
];

/** The gate reads a copy of the body, which each runtime implements in its own way. */
export const mcpCases: readonly RuntimeCase[] = responses.map(([what, token, body, status]) => ({
  name: `the MCP gate ${what}`,
  async run({ origin }) {
    const resource = 'https://mcp.example/mcp';
    const client = { issuer: origin, clientId: 'api', clientSecret: 'secret', log: false as const, ...patient };
    const gate = mcpGate(
      new Authorizer({ ...client, resource }),
      (message) => (message?.params?.name === 'write' ? writing : reading),
      { maxBodyBytes: 10_000, anyAudience: true },
    );
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${tokenFor(token)}` };
    const request = new Request(resource, { method: 'POST', headers, body });
    const outcome = await gate(request);
    assertEqual(outcome instanceof Response ? outcome.status : undefined, status);
    if (status === undefined) assertEqual(await request.text(), body);
  },
}));
