import { runDemo } from 'demo';
import { startMcpDemo } from './mcp-demo.js';

// ZITADEL puts a project into `aud` only if the client requests this scope.
const { ZITADEL_PROJECT_ID: projectId } = process.env;
const clientScopes = projectId ? [`urn:zitadel:iam:org:project:id:${projectId}:aud`] : [];

await runDemo('MCP', (settings) => startMcpDemo(settings, clientScopes), ['/mcp']);
