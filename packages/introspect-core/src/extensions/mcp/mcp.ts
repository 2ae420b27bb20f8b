/** Protects an MCP server: the authorization of the Model Context Protocol, for the TypeScript SDK, versions 1 and 2. */
export type { AuthInfo } from './auth-info.js';
export { type McpGate, type McpGateOptions, type McpRuntime, mcpGate } from './gate.js';
export type { McpPolicy } from './message-policy.js';
export type { McpMessage } from './messages.js';
export {
  type McpAuthorizedRequest,
  type McpNodeListener,
  type McpNodeRequest,
  type McpNodeResponse,
  toNodeHandler,
} from './node-handler.js';
export type { ScopeImplies } from './scope-implications.js';
export type { SdkErrorClasses } from './sdk-errors.js';
export { type McpVerifier, type McpVerifierOptions, mcpVerifier } from './verifier.js';
