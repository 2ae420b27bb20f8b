import { once } from 'node:events';
import { createServer } from 'node:http';
import { Authorizer } from '@acme/introspect-core';
import { mcpGate, toNodeHandler } from '@acme/introspect-core/mcp';
import { toNodeHandler as toMcpListener } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import type { Demo, DemoSettings } from 'demo';

const items = ['hammer', 'nail'];
const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

/** The tools. Each request gets its own server. */
function createItemsServer(): McpServer {
  const server = new McpServer({ name: 'items', version: '1.0.0' });
  server.registerTool('list_items', { description: 'Lists all items' }, () => text(items.join(', ')));
  server.registerTool(
    'create_item',
    {
      description: 'Creates an item',
      inputSchema: fromJsonSchema<{ name: string }>({
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
      }),
    },
    ({ name }, { http }) => text(`${name}, created by ${http?.authInfo?.extra?.sub}`),
  );
  return server;
}

/**
 * The demo MCP server, on Node: `/mcp` needs the scope `items:read`, and the tool `create_item` also `items:write`.
 *
 * @param clientScopes scopes that clients must request in addition
 */
export async function startMcpDemo(
  { port, authorizer: options }: DemoSettings,
  clientScopes: readonly string[] = [],
): Promise<Demo> {
  const origin = `http://127.0.0.1:${port}`;
  const authorizer = new Authorizer({ ...options, resource: `${origin}/mcp` });
  const reading = { scopes: [...clientScopes, 'items:read'] };
  const writing = { scopes: [...clientScopes, 'items:read', 'items:write'] };
  const gate = mcpGate(authorizer, (message) => (message?.params?.name === 'create_item' ? writing : reading));

  const mcp = createMcpHandler(createItemsServer);
  const server = createServer(toNodeHandler(gate, toMcpListener(mcp))).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin,
    async close() {
      const closed = once(server, 'close');
      server.close();
      await mcp.close();
      server.closeAllConnections();
      await closed;
      await authorizer.close();
    },
  };
}
